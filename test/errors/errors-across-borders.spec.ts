import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { Controller } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MimcError, mimcErrorBody, MimcExceptionFilter } from 'nestjs-mimc';
import { firstValueFrom } from 'rxjs';
import { reusablePort } from '../support/ports.js';

const error = new MimcError({
  code: 'MIMC_RATE_LIMITED',
  message: 'MIMC throttled the call',
  outcome: 'refused',
  endpoint: 'p2p',
  callId: randomUUID(),
  attempts: 2,
  httpStatus: 200,
  apiCode: 429,
  apiMessage: 'slow down',
  retryAfterMs: 3_000,
  violations: [{ field: 'msg', rule: 'isString', message: 'msg must be a string' }],
});

@Controller()
class PushController {
  @MessagePattern('push')
  push(): never {
    throw error;
  }
}

describe('the page that explains a code', () => {
  const { NODE_ENV } = process.env;
  const page = 'nestjs-mimc/docs/errors.md#mimc_rate_limited';
  const thrown = () => MimcError.fromJSON(error.toJSON());

  afterEach(() => {
    process.env['NODE_ENV'] = NODE_ENV;
  });

  it('is named where an error is printed, and not where it travels', () => {
    expect(thrown().docs).toBe(page);
    expect(inspect(thrown())).toContain(page);
    expect(JSON.stringify([thrown(), mimcErrorBody(thrown(), 429)])).not.toContain(page);
  });

  it('is not named in production', () => {
    process.env['NODE_ENV'] = 'production';
    expect('docs' in thrown()).toBe(false);
    expect(inspect(thrown())).not.toContain(page);
  });
});

describe('a MimcError', () => {
  it.each([
    ['JSON', () => JSON.parse(JSON.stringify(error)) as unknown],
    ['structuredClone', () => structuredClone(error.toJSON()) as unknown],
  ])('is whole again after %s', (_how, cross) => {
    const again = MimcError.fromJSON(cross());
    expect(MimcError.is(again)).toBe(true);
    expect(again).toBeInstanceOf(MimcError);
    expect(again.toJSON()).toEqual(error.toJSON());
    expect(again.message).toBe(error.message);
  });

  it('is not more retryable than its outcome, whatever its JSON says', () => {
    const json = { code: 'MIMC_CONNECT', message: 'm', outcome: 'unknown', retryable: true, secret: 's' };
    expect(MimcError.fromJSON(json).toJSON()).toEqual({
      name: 'MimcError',
      code: 'MIMC_CONNECT',
      message: 'm',
      outcome: 'unknown',
      retryable: false,
      attempts: 0,
    });
  });

  it.each([
    [undefined],
    [null],
    ['MIMC_CONNECT'],
    [{}],
    [{ code: 'ECONNRESET', message: 'm', outcome: 'unknown' }],
    [{ code: 'MIMC_CONNECT', message: 'm', outcome: 'perhaps' }],
  ])('is not made of other JSON: %j', (json) => {
    expect(() => MimcError.fromJSON(json)).toThrow(TypeError);
  });

  it('reaches the caller over TCP', async () => {
    const port = await reusablePort();
    const module = await Test.createTestingModule({ controllers: [PushController] }).compile();
    const app = module.createNestMicroservice({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
    app.useGlobalFilters(new MimcExceptionFilter());
    await app.listen();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
    const received: unknown = await firstValueFrom(client.send('push', {})).catch((reason: unknown) => reason);
    expect(received).toMatchObject({ status: 'error', code: 'MIMC_RATE_LIMITED' });
    expect(MimcError.fromJSON(received).toJSON()).toEqual(error.toJSON());
    client.close();
    await app.close();
  });

  it('fails a GraphQL resolver as the Nest exception of its code', async () => {
    const module = await Test.createTestingModule({ controllers: [PushController] }).compile();
    const app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new MimcExceptionFilter());
    await app.init();
    const controller = app.get(PushController);
    // What @nestjs/graphql wraps every resolver in; GraphQL takes an Error that is returned for one that is thrown.
    const resolve = app
      .get(ExternalContextCreator)
      .create(
        controller,
        controller.push.bind(controller),
        'push',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        'graphql',
      );
    const failure: unknown = await resolve({}, {}, {}, {});
    expect(failure).toMatchObject({ status: 429, response: { code: 'MIMC_RATE_LIMITED', outcome: 'refused' } });
    await app.close();
  });
});
