import { Body, Controller, HttpException, type INestApplication, Post, ValidationPipe } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiProperty,
  DocumentBuilder,
  OmitType,
  type OpenAPIObject,
  PartialType,
  SwaggerModule,
} from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import {
  type BatchPushReceipt,
  MimcErrorInterceptor,
  type MimcErrorCode,
  mimcErrorTable,
  mimcExceptionFactory,
  MimcModule,
  MimcPushService,
  type PushReceipt,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
} from 'nestjs-mimc';
import { ApiMimcErrors, BatchPushReceiptDto, PushReceiptDto } from 'nestjs-mimc/swagger';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { secrets } from '../support/push-app.js';

class ScheduledPushDto extends PushToAccountDto {
  @ApiProperty({ type: 'string', format: 'date-time' })
  sendAt!: string;
}

class AnonymousPushDto extends OmitType(PushToAccountDto, ['fromAccount', 'fromResource']) {}

class DraftDto extends PartialType(PushToTopicDto) {}

@Controller()
class PushController {
  constructor(private readonly mimc: MimcPushService) {}

  @Post('account')
  @ApiAcceptedResponse({ type: PushReceiptDto })
  @ApiMimcErrors()
  toAccount(@Body() dto: PushToAccountDto): Promise<PushReceipt> {
    return this.mimc.toAccount(dto);
  }

  @Post('accounts')
  @ApiAcceptedResponse({ type: BatchPushReceiptDto })
  toAccounts(@Body() dto: PushToAccountsDto): Promise<BatchPushReceipt> {
    return this.mimc.toAccounts(dto);
  }

  @Post('topic')
  @ApiMimcErrors({ table: { MIMC_AUTH: () => new HttpException('Try later', 521) } })
  toTopic(@Body() dto: PushToTopicDto): Promise<PushReceipt> {
    return this.mimc.toTopic(dto);
  }

  @Post('topics')
  @ApiMimcErrors({ codes: ['MIMC_INVALID', 'MIMC_CLOSED'] })
  toTopics(@Body() dto: PushToTopicsDto): Promise<BatchPushReceipt> {
    return this.mimc.toTopics(dto);
  }

  @Post('derived')
  derived(@Body() _scheduled: ScheduledPushDto): void {}

  @Post('anonymous')
  anonymous(@Body() _anonymous: AnonymousPushDto): void {}

  @Post('draft')
  draft(@Body() _draft: DraftDto): void {}
}

/** What a schema and the rules of the DTO must judge alike. `msgs` of Base64 and the largest topic id only the rules know. */
const BODIES: Record<string, [fits: unknown[], breaks: unknown[]]> = {
  account: [
    [
      { toAccount: 'alice', msg: 'hello' },
      { toAccount: 'a'.repeat(256), msg: 'hello' },
      { toAccount: '张三 🙂', msg: 'aGk=', msgType: 'base64', fromAccount: 'shop', fromResource: 'mi', isStore: true },
      { toAccount: 'alice', msg: 'hello', msgType: '', isStore: false, bizType: '' },
    ],
    [
      {},
      { toAccount: 'alice' },
      { msg: 'hello' },
      { toAccount: '', msg: 'hello' },
      { toAccount: 7, msg: 'hello' },
      { toAccount: 'a'.repeat(257), msg: 'hello' },
      { toAccount: 'alice\n', msg: 'hello' },
      { toAccount: '\uFEFFalice', msg: 'hello' },
      { toAccount: 'al\u2028ice', msg: 'hello' },
      { toAccount: 'alice', msg: '' },
      { toAccount: 'alice', msg: 1 },
      { toAccount: 'alice', msg: 'hello', msgType: 'hex' },
      { toAccount: 'alice', msg: 'hello', isStore: 'yes' },
      { toAccount: 'alice', msg: 'hello', bizType: 'b'.repeat(257) },
      { toAccount: 'alice', msg: 'hello', fromAccount: '' },
      { toAccount: 'alice', msg: 'hello', fromResource: '' },
      { toAccount: 'alice', msg: 'hello', color: 'red' },
    ],
  ],
  accounts: [
    [
      { toAccounts: ['alice'], msg: 'hello' },
      { toAccounts: Array(10_000).fill('alice'), msg: 'hello' },
    ],
    [
      { toAccounts: [], msg: 'hello' },
      { toAccounts: 'alice', msg: 'hello' },
      { toAccounts: ['alice', ''], msg: 'hello' },
      { toAccounts: ['alice', null], msg: 'hello' },
      { toAccounts: Array(10_001).fill('alice'), msg: 'hello' },
    ],
  ],
  topic: [
    [
      { topicId: '21351198708203521', msg: 'hello' },
      { topicId: '9223372036854775807', msg: 'hello' },
      { topicId: 7, msg: 'hello' },
    ],
    [
      { topicId: '0', msg: 'hello' },
      { topicId: '007', msg: 'hello' },
      { topicId: '12345678901234567890', msg: 'hello' },
      { topicId: 'seven', msg: 'hello' },
      { topicId: 0, msg: 'hello' },
      { topicId: -1, msg: 'hello' },
      { topicId: 1.5, msg: 'hello' },
      { topicId: true, msg: 'hello' },
      { msg: 'hello' },
    ],
  ],
  topics: [
    [{ topicIds: ['21351198708203521', 7], msg: 'hello' }],
    [
      { topicIds: [], msg: 'hello' },
      { topicIds: ['0'], msg: 'hello' },
      { topicIds: [[7]], msg: 'hello' },
    ],
  ],
};

describe('nestjs-mimc/swagger', () => {
  let mimc: MimcEmulator;
  let app: INestApplication;
  let document: OpenAPIObject;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    const options = { ...secrets, baseUrl: mimc.url, fromAccount: 'server', quota: false, retry: false } as const;
    const module = await Test.createTestingModule({
      imports: [MimcModule.forRoot(options)],
      controllers: [PushController],
    }).compile();
    app = module.createNestApplication();
    const exceptionFactory = mimcExceptionFactory;
    app.useGlobalPipes(
      new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true, exceptionFactory }),
    );
    app.useGlobalInterceptors(new MimcErrorInterceptor());
    await app.init();
    document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  });
  afterAll(async () => {
    await app.close();
    await mimc.close();
  });

  it.each(Object.keys(BODIES))(
    'has a schema of the body of /%s that agrees with the rules of its DTO',
    async (path) => {
      const { schema } = jsonOf(document.paths[`/${path}`]?.post?.requestBody);
      const isValid = compile(schema);
      const [fits, breaks] = BODIES[path] ?? [[], []];
      for (const [bodies, fit] of [[fits, true] as const, [breaks, false] as const]) {
        for (const body of bodies) {
          const { status } = await request(app.getHttpServer())
            .post(`/${path}`)
            .send(body as object);
          expect({ body, isValid: isValid(body), status }).toEqual({ body, isValid: fit, status: fit ? 201 : 400 });
        }
      }
    },
  );

  it('has examples in its schemas that the routes take', async () => {
    for (const path of Object.keys(BODIES)) {
      const { schema } = jsonOf(document.paths[`/${path}`]?.post?.requestBody);
      const { properties = {} } = resolve(schema);
      const body = Object.fromEntries(
        Object.entries(properties).flatMap(([field, { example }]) => (example === undefined ? [] : [[field, example]])),
      );
      expect(Object.keys(body)).toHaveLength(2);
      await request(app.getHttpServer()).post(`/${path}`).send(body).expect(201);
    }
  });

  it.each(['account', 'accounts'])('has a schema of the receipt with which /%s answers', async (path) => {
    const { schema } = jsonOf(document.paths[`/${path}`]?.post?.responses['202']);
    const [[body] = []] = BODIES[path] ?? [];
    const answer = await request(app.getHttpServer())
      .post(`/${path}`)
      .send(body as object);
    expect(compile(schema)(answer.body)).toBe(true);
    expect(Object.keys(resolve(schema).properties ?? {}).toSorted()).toEqual(Object.keys(answer.body).toSorted());
    expect(resolve(schema).required?.toSorted()).toEqual(Object.keys(answer.body).toSorted());
  });

  it('describes what extends a DTO, and what is made of one', () => {
    const schemas = document.components?.schemas as Record<string, Schema>;
    const fields = ['bizType', 'fromAccount', 'fromResource', 'isStore', 'msg', 'msgType'];
    const of = (name: string) => Object.keys(schemas[name]?.properties ?? {}).toSorted();
    expect(of('ScheduledPushDto')).toEqual([...fields, 'sendAt', 'toAccount']);
    expect(schemas['ScheduledPushDto']?.required?.toSorted()).toEqual(['msg', 'sendAt', 'toAccount']);
    expect(of('AnonymousPushDto')).toEqual(['bizType', 'isStore', 'msg', 'msgType', 'toAccount']);
    expect(of('DraftDto')).toEqual([...fields, 'topicId']);
    expect(schemas['DraftDto']?.required).toBeUndefined();
  });

  it('shows an answer to every code, under the status and with the body that an application answers', () => {
    const answers = failuresOf('/account');
    expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set(Object.keys(mimcErrorTable)));
    expect(answers.length).toBeGreaterThan(20);
    for (const { status, body, schema } of answers) {
      expect(body.statusCode).toBe(status);
      expect({ body, isValid: compile(schema)(body) }).toEqual({ body, isValid: true });
    }
    expect([...new Set(answers.map(({ status }) => status))]).toEqual([
      400, 403, 404, 410, 413, 429, 500, 502, 503, 504,
    ]);
  });

  it('has a schema that fits what a failed push is answered with', async () => {
    const [schema] = failuresOf('/account').map((answer) => answer.schema);
    const isValid = compile(schema);
    const invalid = await request(app.getHttpServer()).post('/account').send({ toAccount: '', msg: '' });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '7' });
    const throttled = await request(app.getHttpServer()).post('/account').send({ toAccount: 'alice', msg: 'hello' });
    expect([invalid.status, throttled.status]).toEqual([400, 429]);
    for (const { body } of [invalid, throttled])
      expect({ body, isValid: isValid(body) }).toEqual({ body, isValid: true });
  });

  it('names Retry-After where an answer has it', () => {
    const { responses = {} } = document.paths['/account']?.post ?? {};
    const named = Object.entries(responses).filter(([, response]) => response !== undefined && 'headers' in response);
    expect(named.map(([status, response]) => [status, Object.keys(Object(Object(response).headers))])).toEqual([
      ['429', ['Retry-After']],
    ]);
  });

  it('follows a table that gives codes other statuses', () => {
    const { responses = {} } = document.paths['/topic']?.post ?? {};
    expect(Object(responses['521']).description).toBe("- `MIMC_AUTH`: MIMC refused this server's credentials.");
    expect(
      failuresOf('/topic')
        .filter(({ status }) => status === 502)
        .map(({ body }) => body.code),
    ).not.toContain('MIMC_AUTH');
  });

  it('documents only the codes that are given', () => {
    expect(new Set(failuresOf('/topics').map(({ status, body }) => `${status} ${body.code}`))).toEqual(
      new Set(['400 MIMC_INVALID', '503 MIMC_CLOSED']),
    );
  });

  it('refers only to schemas that the document has', () => {
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    const names = Object.keys(document.components?.schemas ?? {});
    expect(references.length).toBeGreaterThan(10);
    expect(references.filter((name) => !names.includes(name ?? ''))).toEqual([]);
  });

  it('compiles every schema in strict mode', () => {
    for (const name of Object.keys(document.components?.schemas ?? {})) {
      expect(compile({ $ref: `#/components/schemas/${name}` })).toBeInstanceOf(Function);
    }
  });

  function failuresOf(path: string) {
    const { responses = {} } = document.paths[path]?.post ?? {};
    return Object.entries(responses)
      .filter(([status]) => Number(status) >= 400)
      .flatMap(([status, response]) => {
        const { schema, examples = {} } = jsonOf(response);
        return Object.values(examples).map(({ value }) => ({ status: Number(status), body: value, schema }));
      });
  }

  function compile(schema: Schema | undefined): ValidateFunction {
    const ajv = new Ajv({
      strict: true,
      strictTypes: false,
      validateFormats: false,
      keywords: ['example', 'components'],
    });
    return ajv.compile({ ...schema, components: document.components } as AnySchema);
  }

  function resolve(schema: Schema | undefined): Schema {
    const name = schema?.$ref?.split('/').at(-1) ?? '';
    return (document.components?.schemas?.[name] ?? {}) as Schema;
  }
});

interface Schema {
  $ref?: string;
  properties?: Record<string, { example?: unknown }>;
  required?: string[];
}

interface Content {
  schema: Schema;
  examples?: Record<string, { value: { statusCode: number; code: MimcErrorCode } }>;
}

function jsonOf(body: unknown): Content {
  const content = Object(body).content?.['application/json'];
  if (content === undefined) throw new Error('No JSON body');
  return content as Content;
}
