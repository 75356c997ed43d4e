/**
 * A small application that uses the installed package as its documentation says: the same source for every consumer,
 * compiled as each compiles. Prints a line for each check and must then end by itself.
 */
import assert from 'node:assert/strict';
import { Body, Controller, Module, Post, UseInterceptors, ValidationPipe, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  MimcError,
  mimcExceptionFactory,
  MimcErrorInterceptor,
  MimcModule,
  MimcPushService,
  PushToAccountDto,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';

@Controller()
@UseInterceptors(MimcErrorInterceptor)
class PushController {
  constructor(private readonly mimc: MimcPushService) {}

  @Post('push')
  push(@Body() dto: PushToAccountDto) {
    return this.mimc.toAccount(dto);
  }
}

void main(process.argv[2]);

async function main(platform: string | undefined): Promise<void> {
  const emulator = await MimcEmulator.start();
  const app = await start(platform, emulator);
  try {
    await check(app, emulator);
  } finally {
    await app.close();
    await emulator.close();
  }
  say('the application closed');
}

async function start(platform: string | undefined, emulator: MimcEmulator): Promise<INestApplication> {
  const connection = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'shop', retry: false } as const;

  @Module({ imports: [MimcModule.forRoot(connection)], controllers: [PushController] })
  class AppModule {}

  const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = await NestFactory.create(AppModule, adapter, { logger: ['error'] });
  app.useGlobalPipes(
    new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, exceptionFactory: mimcExceptionFactory }),
  );
  await app.listen(0, '127.0.0.1');
  return app;
}

async function check(app: INestApplication, emulator: MimcEmulator): Promise<void> {
  const url = `${await app.getUrl()}/push`;

  const pushed = await post(url, { toAccount: 'alice', msg: 'hello' });
  assert.equal(pushed.status, 201);
  assert.equal(typeof pushed.body['packetId'], 'string');
  const texts = emulator.inbox('alice').map(({ text }) => text);
  assert.deepEqual(texts, ['hello']);
  say('a push through the route is in the inbox');

  const invalid = await post(url, { toAccount: '', msg: 'hello' });
  assert.equal(invalid.status, 400);
  assert.equal(invalid.body['code'], 'MIMC_INVALID');
  assert.equal(emulator.requests.length, 1);
  say('an invalid body is answered 400 and not sent');

  const error: unknown = await app
    .get(MimcPushService)
    .toAccount({ toAccount: '', msg: '' })
    .catch((thrown: unknown) => thrown);
  assert.ok(error instanceof MimcError && MimcError.is(error) && error instanceof Error);
  assert.equal(error.code, 'MIMC_INVALID');
  say('what the service throws is a MimcError');

  emulator.failNext({ kind: 'code', code: 429, httpStatus: 429, retryAfter: '7' });
  const throttled = await post(url, { toAccount: 'alice', msg: 'too much' });
  assert.equal(throttled.status, 429);
  assert.equal(throttled.headers.get('retry-after'), '7');
  assert.equal(throttled.body['code'], 'MIMC_RATE_LIMITED');
  say('throttling is answered 429 with Retry-After');
}

async function post(url: string, body: object) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}
