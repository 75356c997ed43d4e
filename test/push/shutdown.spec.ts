import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { NestExpressApplication } from '@nestjs/platform-express';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcErrorInterceptor, MimcModule, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };

describe('a shutdown', () => {
  let mimc: MimcEmulator;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(() => mimc.close());
  const boot = (options = {}) => bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });

  it('lets calls in flight finish, and refuses those that wait, back off or come later', async () => {
    const app = await boot({ quota: { accountsPerSecond: 2 }, retry: { baseDelayMs: 60_000, maxDelayMs: 60_000 } });
    mimc.failNext([
      { kind: 'delay', ms: 300 },
      { kind: 'reset', when: 'after-read' },
    ]);
    const inFlight = app.push.toAccount(dto);
    const backingOff = errorOf(
      app.push.toAccount(dto, {
        deadlineMs: 2_000_000_000,
        retry: { delivery: 'at-least-once', baseDelayMs: 2_000_000_000, maxDelayMs: 2_000_000_000 },
      }),
    );
    const waiting = errorOf(app.push.toAccount(dto));
    await eventually(() => expect(mimc.requests).toHaveLength(2));
    await eventually(() => expect(app.push.status().consecutiveFailures).toBe(1));
    const closed = app.close();
    await sleep(0);
    const late = await errorOf(app.push.toAccount(dto));
    expect(late).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent', attempts: 0 });
    expect(await waiting).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent', attempts: 0 });
    expect(await backingOff).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'unknown', attempts: 1 });
    await expect(inFlight).resolves.toMatchObject({ attempts: 1 });
    await closed;
    expect(mimc.requests).toHaveLength(2);
    const [line, ...more] = app.log.filter((entry) => entry.includes('Shutting down'));
    expect(line).toContain('waiting for 1 call in flight, rejected 2 calls in the queue');
    expect(more).toEqual([]);
    await eventually(() => expect(mimc.connections).toBe(0));
  });

  it('ends calls in flight after shutdownMs, as unknown', async () => {
    const app = await boot({ shutdownMs: 100 });
    mimc.failNext({ kind: 'hang' });
    const call = errorOf(app.push.toAccount(dto));
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const begin = performance.now();
    await app.close();
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(await call).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'unknown', attempts: 1 });
  });

  it('makes no further attempt of a call in flight that fails', async () => {
    const app = await boot({ retry: { maxAttempts: 5, baseDelayMs: 1, maxDelayMs: 1 } });
    // Anything in flight when the application closes fails; only the delivery could be retried.
    mimc.failNext({ kind: 'dribble', everyMs: 1 }, 5);
    const call = errorOf(app.push.toAccount(dto, { retry: { delivery: 'at-least-once' } }));
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const closed = app.close();
    await mimc.close();
    await closed;
    expect(await call).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown', attempts: 1 });
  });

  it('is harmless when asked for twice', async () => {
    const app = await boot();
    await app.push.toAccount(dto);
    await Promise.all([app.push.beforeApplicationShutdown(), app.push.onApplicationShutdown()]);
    await app.push.onApplicationShutdown();
    await app.close();
    expect(app.push.status().closing).toBe(true);
  });

  it('closes a limiter that was given, and leaves a dispatcher that was given to its owner', async () => {
    const { Pool } = await import('undici');
    const dispatcher = new Pool(mimc.url);
    let closed = 0;
    const permit = { settle() {}, cancel() {} };
    const limiter = {
      acquire: async () => permit,
      penalize() {},
      status: () => ({ queued: 0, usedUnits: 0, resumesInMs: 0 }),
      close: () => void closed++,
    };
    const app = await boot({ limiter, dispatcher });
    await app.push.toAccount(dto);
    await app.close();
    expect(closed).toBe(1);
    expect(dispatcher.destroyed).toBe(false);
    await dispatcher.close();
  });
});

describe('a shutdown while an HTTP request of the application waits for a call', () => {
  it('answers that request and does not hang', async () => {
    const mimc = await MimcEmulator.start();
    @Controller()
    class PushController {
      constructor(private readonly push: MimcPushService) {}
      @Get(':account')
      send() {
        return this.push.toAccount(dto);
      }
    }
    @Module({
      imports: [
        MimcModule.forRoot({
          ...mimc.credentials,
          baseUrl: mimc.url,
          fromAccount: 's',
          quota: { accountsPerSecond: 1 },
        }),
      ],
      controllers: [PushController],
    })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    const app = module.createNestApplication<NestExpressApplication>({ logger: false });
    app.useGlobalInterceptors(new MimcErrorInterceptor());
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    mimc.failNext({ kind: 'delay', ms: 200 });
    const headers = { connection: 'close' };
    const inFlight = fetch(`${url}/alice`, { headers });
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const waiting = fetch(`${url}/bob`, { headers });
    await eventually(() => expect(app.get(MimcPushService).status().accounts.queued).toBe(1));
    await app.close();
    expect((await inFlight).status).toBe(200);
    const refused = await waiting;
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    await mimc.close();
  });
});
