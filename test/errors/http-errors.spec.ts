import {
  Body,
  Controller,
  HttpException,
  ImATeapotException,
  INestApplication,
  Injectable,
  InternalServerErrorException,
  Module,
  NotFoundException,
  Post,
  Provider,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, throwError } from 'rxjs';
import {
  MIMC_ERROR_TABLE,
  MimcError,
  MimcErrorCode,
  MimcErrorInit,
  MimcErrorInterceptor,
  MimcErrorTable,
  mimcErrorTable,
  mimcExceptionFactory,
  MimcExceptionFilter,
  PushToAccountsDto,
  toHttpException,
} from 'nestjs-mimc';

let thrown: () => unknown;

@Injectable()
@Controller()
class ThrowingController {
  @Post('throw')
  throw(): never {
    throw thrown();
  }
  @Post('validate')
  validate(@Body() dto: PushToAccountsDto) {
    return dto;
  }
}

const failure = (init: Partial<MimcErrorInit> & { code: MimcErrorCode }): MimcError =>
  new MimcError({ message: `because of ${init.code}`, outcome: 'refused', callId: 'c-1', endpoint: 'p2p', ...init });

const statuses: [string, MimcError, number, string][] = [
  ['MIMC_INVALID', failure({ code: 'MIMC_INVALID', outcome: 'not-sent' }), 400, 'Bad Request'],
  ['MIMC_RATE_LIMITED', failure({ code: 'MIMC_RATE_LIMITED', apiCode: 429 }), 429, 'Too Many Requests'],
  ['MIMC_API 400', failure({ code: 'MIMC_API', apiCode: 400 }), 400, 'Bad Request'],
  ['MIMC_API 403', failure({ code: 'MIMC_API', apiCode: 403 }), 403, 'Forbidden'],
  ['MIMC_API 404', failure({ code: 'MIMC_API', apiCode: 404 }), 404, 'Not Found'],
  ['MIMC_API 410', failure({ code: 'MIMC_API', apiCode: 410 }), 410, 'Gone'],
  ['MIMC_API 413', failure({ code: 'MIMC_API', apiCode: 413 }), 413, 'Payload Too Large'],
  ['MIMC_API 500', failure({ code: 'MIMC_API', apiCode: 500 }), 502, 'Bad Gateway'],
  ['MIMC_API -1', failure({ code: 'MIMC_API', apiCode: -1 }), 502, 'Bad Gateway'],
  ['MIMC_AUTH', failure({ code: 'MIMC_AUTH', apiCode: 401 }), 502, 'Bad Gateway'],
  ['MIMC_HTTP', failure({ code: 'MIMC_HTTP', httpStatus: 404 }), 502, 'Bad Gateway'],
  ['MIMC_RESET', failure({ code: 'MIMC_RESET', outcome: 'unknown' }), 502, 'Bad Gateway'],
  ['MIMC_BAD_RESPONSE', failure({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' }), 502, 'Bad Gateway'],
  ['MIMC_QUEUE_FULL', failure({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent' }), 503, 'Service Unavailable'],
  ['MIMC_CONNECT', failure({ code: 'MIMC_CONNECT', outcome: 'not-sent' }), 503, 'Service Unavailable'],
  ['MIMC_CLOSED', failure({ code: 'MIMC_CLOSED', outcome: 'not-sent' }), 503, 'Service Unavailable'],
  ['MIMC_ABORTED', failure({ code: 'MIMC_ABORTED', outcome: 'not-sent' }), 503, 'Service Unavailable'],
  ['MIMC_TIMEOUT', failure({ code: 'MIMC_TIMEOUT', outcome: 'unknown' }), 504, 'Gateway Timeout'],
  ['MIMC_DEADLINE', failure({ code: 'MIMC_DEADLINE', outcome: 'not-sent' }), 504, 'Gateway Timeout'],
  ['MIMC_CONFIG', failure({ code: 'MIMC_CONFIG', outcome: 'not-sent' }), 500, 'Internal Server Error'],
];

const adapters = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };
const mappers: Record<string, Provider> = {
  MimcErrorInterceptor: { provide: APP_INTERCEPTOR, useClass: MimcErrorInterceptor },
  MimcExceptionFilter: { provide: APP_FILTER, useClass: MimcExceptionFilter },
};
const combinations = Object.entries(adapters).flatMap(([platform, adapter]) =>
  Object.entries(mappers).map(([name, mapper]) => ({ platform, adapter, name, mapper })),
);

it('the table has a row for every code', () => {
  expect(Object.keys(mimcErrorTable).toSorted()).toEqual([...new Set(statuses.map(([, { code }]) => code))].toSorted());
});

describe.each(combinations)('$name on $platform', ({ adapter, mapper }) => {
  let app: INestApplication | undefined;
  let url: string;

  afterEach(async () => app?.close());
  const boot = async (overrides?: Partial<MimcErrorTable>) => {
    const table = overrides === undefined ? [] : [{ provide: MIMC_ERROR_TABLE, useValue: overrides }];
    @Module({ controllers: [ThrowingController], providers: [mapper, ...table] })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication(adapter(), { logger: false });
    const exceptionFactory = mimcExceptionFactory;
    app.useGlobalPipes(
      new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true, exceptionFactory }),
    );
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  };
  const post = async (path: string, body: object = {}) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
  };
  const answerTo = (error: unknown) => {
    thrown = () => error;
    return post('throw');
  };

  it('answers every code with its status and the documented body', async () => {
    await boot();
    for (const [name, error, status, reason] of statuses) {
      const answer = await answerTo(error);
      expect([name, answer.status]).toEqual([name, status]);
      expect(answer.body).toEqual({
        statusCode: status,
        error: reason,
        message: error.message,
        code: error.code,
        outcome: error.outcome,
        callId: 'c-1',
        ...(error.apiCode !== undefined && { apiCode: error.apiCode }),
      });
    }
  });

  it('sets Retry-After when it is known, and never when the outcome is unknown', async () => {
    await boot();
    const throttled = { code: 'MIMC_RATE_LIMITED', retryAfterMs: 1_200 } as const;
    const safe = await answerTo(failure(throttled));
    expect(safe.headers.get('retry-after')).toBe('2');
    expect(safe.body).toMatchObject({ retryAfterMs: 1_200 });
    const unsafe = await answerTo(failure({ ...throttled, outcome: 'unknown' }));
    expect(unsafe.headers.get('retry-after')).toBeNull();
  });

  it('knows an error of another copy of the library', async () => {
    await boot();
    const brand = Symbol.for('nestjs-mimc.MimcError');
    const foreign = Object.assign(new Error('theirs'), { [brand]: true, code: 'MIMC_CONNECT', outcome: 'not-sent' });
    expect(MimcError.is(foreign)).toBe(true);
    expect(foreign).toBeInstanceOf(MimcError);
    expect(await answerTo(foreign)).toMatchObject({ status: 503, body: { code: 'MIMC_CONNECT' } });
  });

  it('lets other errors pass', async () => {
    await boot();
    expect(await answerTo(new NotFoundException('no such page'))).toMatchObject({
      status: 404,
      body: { message: 'no such page' },
    });
    expect(await answerTo(new Error('a secret of the application'))).toMatchObject({
      status: 500,
      body: { message: 'Internal server error' },
    });
  });

  it('is overridden code by code', async () => {
    await boot({
      MIMC_AUTH: (_error, body) => new InternalServerErrorException(body(500)),
      MIMC_CONNECT: () => new ImATeapotException(),
      MIMC_HTTP: () => new HttpException('in words', 507),
    });
    expect(await answerTo(failure({ code: 'MIMC_AUTH' }))).toMatchObject({ status: 500, body: { code: 'MIMC_AUTH' } });
    expect(await answerTo(failure({ code: 'MIMC_CONNECT' }))).toMatchObject({ status: 418 });
    expect(await answerTo(failure({ code: 'MIMC_HTTP' }))).toMatchObject({
      status: 507,
      body: { message: 'in words' },
    });
    expect(await answerTo(failure({ code: 'MIMC_RESET' }))).toMatchObject({ status: 502 });
  });

  it('answers what the validation pipe refuses in the same shape', async () => {
    await boot();
    const answer = await post('validate', { toAccounts: ['alice', ''], msg: 'm', color: 'red' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'MIMC_INVALID', outcome: 'not-sent' } });
    expect(answer.body['violations']).toEqual(
      expect.arrayContaining([
        {
          field: 'toAccounts[1]',
          rule: 'isAccount',
          message:
            'toAccounts[1] must be a string of 1 to 256 characters, without control characters, line breaks or a byte order mark',
        },
        { field: 'color', rule: 'whitelistValidation', message: 'color is not a known field' },
      ]),
    );
  });
});

describe('outside HTTP', () => {
  const error = failure({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
  const contextOf = (type: string, args: unknown[] = []) => {
    const context = new ExecutionContextHost(args);
    context.setType(type);
    return context;
  };

  it.each(['rpc', 'ws', 'graphql'])('the interceptor lets the error of %s pass', async (type) => {
    const next = { handle: () => throwError(() => error) };
    const answer = lastValueFrom(new MimcErrorInterceptor().intercept(contextOf(type), next));
    await expect(answer).rejects.toBe(error);
  });

  it('the filter reports to a WebSocket client, as Nest would', () => {
    const emitted: unknown[] = [];
    const client = { emit: (...event: unknown[]) => emitted.push(event) };
    new MimcExceptionFilter().catch(error, contextOf('ws', [client, {}]));
    expect(emitted).toEqual([['exception', expect.objectContaining({ status: 'error', code: 'MIMC_CONNECT' })]]);
  });
});

describe('MimcError', () => {
  it('is a value that JSON and switch can read', () => {
    const error = failure({ code: 'MIMC_API', apiCode: 500, apiMessage: 'no', httpStatus: 200 });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'MimcError',
      message: 'because of MIMC_API',
      code: 'MIMC_API',
      outcome: 'refused',
      retryable: false,
      endpoint: 'p2p',
      callId: 'c-1',
      attempts: 0,
      apiCode: 500,
      apiMessage: 'no',
      httpStatus: 200,
    });
    expect(error).toBeInstanceOf(Error);
    expect(`${error}`).toBe('MimcError: because of MIMC_API');
    expect(MimcError.is(new Error('other'))).toBe(false);
    expect(MimcError.is(undefined)).toBe(false);
  });

  it.each([
    ['MIMC_CONNECT', 'not-sent', true],
    ['MIMC_RATE_LIMITED', 'refused', true],
    ['MIMC_RATE_LIMITED', 'unknown', false],
    ['MIMC_QUEUE_FULL', 'not-sent', true],
    ['MIMC_INVALID', 'not-sent', false],
    ['MIMC_API', 'refused', false],
    ['MIMC_TIMEOUT', 'unknown', false],
  ] as const)('%s that is %s is retryable: %s', (code, outcome, retryable) => {
    expect(failure({ code, outcome }).retryable).toBe(retryable);
  });

  it('becomes a gateway error when its code is from a newer version', () => {
    expect(toHttpException(failure({ code: 'MIMC_NEWER' as MimcErrorCode })).getStatus()).toBe(502);
  });
});
