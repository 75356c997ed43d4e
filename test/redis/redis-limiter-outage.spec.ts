import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type LimiterFleet, SOON_MS, withRedis } from '../support/redis-limiters.js';
import { mayStartRedis } from '../support/redis.js';
import { eventually } from '../support/eventually.js';
import { block } from '../support/thread-server.js';

(mayStartRedis() ? describe : describe.skip)('RedisMimcRateLimiter while Redis is away', () => {
  it.concurrent('refuses those who wait and those who come, not-sent and at once, and recovers with Redis', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add();
      const running = fleet.call(limiter, 10);
      await running.done;
      const waiting = fleet.call(limiter, 1);
      await sleep(50);
      const goneAt = performance.now();
      await redis.kill();
      await waiting.done;
      expect(waiting.outcome).toBe('MIMC_CONNECT');
      expect(waiting.at - goneAt).toBeLessThan(SOON_MS);
      await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({
        code: 'MIMC_CONNECT',
        outcome: 'not-sent',
        message: expect.stringContaining('Redis'),
      });
      running.permit.settle();
      await redis.restart();
      await recovered(fleet, limiter);
    }),
  );

  it.concurrent('refuses when Redis was never there, and needs none to be made or closed', () =>
    withRedis(async (redis, fleet) => {
      await redis.kill();
      await fleet.add().close();
      const limiter = fleet.add();
      const startedAt = performance.now();
      const calls = [fleet.call(limiter, 1), fleet.call(limiter, 1)];
      await Promise.all(calls.map((call) => call.done));
      expect(calls.map((call) => call.outcome)).toEqual(['MIMC_CONNECT', 'MIMC_CONNECT']);
      expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
      await redis.restart();
      await recovered(fleet, limiter);
    }),
  );

  it('asks again when the answer was there but the loop was blocked', () =>
    withRedis(async (_redis, fleet) => {
      const limiter = fleet.add({ answerMs: 1_000 });
      const first = fleet.call(limiter, 1);
      await first.done;
      const call = fleet.call(limiter, 9);
      // The command leaves at the end of this turn; in the next one timers run before sockets are read. Redis answers meanwhile.
      await nextTurn();
      await nextTurn();
      block(1_500);
      await call.done;
      expect(call.outcome).toBe('admitted');
      // What the first answer granted was given back: 1 + 9 are all that is held.
      await eventually(() => expect(limiter.status('accounts').usedUnits).toBe(10));
      const other = fleet.call(fleet.add({ answerMs: 10_000 }), 10);
      first.permit.cancel();
      call.permit.cancel();
      await other.done;
      expect(other.outcome).toBe('admitted');
    }));

  it.concurrent.each([
    ['scripts', ['-eval', '-evalsha']],
    ['a command in a script', ['-hset', '-zadd', '-hmset']],
    ['its keys', ['resetkeys', '~other:*']],
  ])('names the missing right when its Redis user may not use %s', (_what, rules) =>
    withRedis(async (redis, fleet) => {
      const admin = new Redis(redis.url);
      await admin.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '+@all', ...rules);
      const connection = redis.url.replace('redis://', 'redis://limited:secret@');
      for (const onRedisUnavailable of ['refuse', { share: 0.5 }] as const) {
        const limiter = fleet.add({ connection, onRedisUnavailable });
        await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({
          code: 'MIMC_CONFIG',
          outcome: 'not-sent',
          retryable: false,
          message: expect.stringMatching(/allowed to run scripts \(EVAL, EVALSHA\)/),
        });
      }
      admin.disconnect();
    }),
  );

  it.concurrent('names enableOfflineQueue when a given client may not queue, and works once it is connected', () =>
    withRedis(async (redis, fleet) => {
      const client = new Redis(redis.url, { enableOfflineQueue: false, lazyConnect: true });
      const limiter = fleet.add({ connection: client });
      await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({
        code: 'MIMC_CONNECT',
        outcome: 'not-sent',
        message: expect.stringContaining('enableOfflineQueue is false'),
      });
      await eventually(() => expect(client.status).toBe('ready'));
      await expect(limiter.acquire('accounts', 10, { lane: 'bulk' })).resolves.toBeDefined();
      client.disconnect();
    }),
  );

  it.concurrent('queues on a connection of its own whatever its options say', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ connection: `${redis.url}?enableOfflineQueue=false` });
      await expect(limiter.acquire('accounts', 10, { lane: 'bulk' })).resolves.toBeDefined();
    }),
  );

  it.concurrent('refuses when Redis does not answer, and gives back what it granted unheard', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ answerMs: 1_000, leaseMs: 60_000 });
      await fleet.call(limiter, 1).done;
      redis.freeze();
      const call = fleet.call(limiter, 9);
      await call.done;
      expect(call.outcome).toBe('MIMC_CONNECT');
      redis.thaw();
      await recovered(fleet, limiter);
      const next = fleet.call(limiter, 9, { deadlineAt: performance.now() + 20_000 });
      await next.done;
      expect(next.outcome).toBe('admitted');
    }),
  );

  it.concurrent('refuses with a client of yours that would wait without end', () =>
    withRedis(async (redis, fleet) => {
      const client = new Redis(redis.url, { maxRetriesPerRequest: null });
      client.on('error', () => {});
      const limiter = fleet.add({ connection: client });
      await fleet.call(limiter, 1).done;
      const waiting = fleet.call(limiter, 10);
      await sleep(50);
      await redis.kill();
      await eventually(() => expect(client.status).not.toBe('ready'));
      const call = fleet.call(limiter, 1);
      await Promise.all([call.done, waiting.done]);
      expect([call.outcome, waiting.outcome]).toEqual(['MIMC_CONNECT', 'MIMC_CONNECT']);
      await redis.restart();
      await recovered(fleet, limiter);
      client.disconnect();
    }),
  );

  it.concurrent('refuses when Redis takes no writes', () =>
    withRedis(async (redis, fleet) => {
      const admin = new Redis(redis.url);
      const limiter = fleet.add();
      await fleet.call(limiter, 1).done;
      await admin.replicaof('127.0.0.1', 1);
      await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({ code: 'MIMC_CONNECT' });
      await admin.replicaof('NO', 'ONE');
      await recovered(fleet, limiter);
      admin.disconnect();
    }),
  );

  it.concurrent('waits until the window is clear when Redis came back empty', () =>
    withRedis(async (redis, fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const [first, other] = [fleet.call(one, 6), fleet.call(two, 4)];
      await Promise.all([first.done, other.done]);
      first.permit.settle();
      other.permit.settle();
      const settledAt = performance.now();
      await redis.restart();
      await recovered(fleet, one);
      expect(performance.now() - settledAt).toBeGreaterThanOrEqual(1_000);
    }),
  );

  it.concurrent.each(['options', 'a URL'])('refuses as soon as the connection fails, whatever %s say', (form) =>
    withRedis(async (redis, fleet) => {
      const options = { maxRetriesPerRequest: null, autoResendUnfulfilledCommands: true };
      const url = `${redis.url}?maxRetriesPerRequest=9&autoResendUnfulfilledCommands=true`;
      const connection = form === 'a URL' ? url : { port: redis.port, ...options };
      const limiter = fleet.add({ connection, answerMs: 10_000 });
      await fleet.call(limiter, 1).done;
      redis.freeze();
      const call = fleet.call(limiter, 1);
      await sleep(50);
      const goneAt = performance.now();
      await redis.kill();
      await call.done;
      expect(call.outcome).toBe('MIMC_CONNECT');
      expect(call.at - goneAt).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('with a share of the quota goes by that share, and by the whole quota when Redis is back', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ onRedisUnavailable: { share: 0.25 } });
      await redis.kill();
      const calls = Array.from({ length: 4 }, () => fleet.call(limiter, 1));
      const heavy = fleet.call(limiter, 3);
      await sleep(700);
      expect(calls.map((call) => call.outcome)).toEqual(['admitted', 'admitted', undefined, undefined]);
      expect(heavy.outcome).toBe('MIMC_CONNECT');
      expect(limiter.status('accounts')).toMatchObject({ queued: 2, usedUnits: 2 });
      for (const call of calls) call.permit.settle();
      await Promise.all(calls.map((call) => call.done));
      await redis.restart();
      await recovered(fleet, limiter, 10);
    }),
  );

  it.concurrent('with a share of the quota ends a waiting call that is aborted', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ onRedisUnavailable: { share: 0.1 } });
      await redis.kill();
      const controller = new AbortController();
      const [first, waiting] = [fleet.call(limiter, 1), fleet.call(limiter, 1, { signal: controller.signal })];
      await sleep(300);
      expect(limiter.status('accounts').queued).toBe(1);
      controller.abort('gone');
      await Promise.all([first.done, waiting.done]);
      expect([first.outcome, waiting.outcome]).toEqual(['admitted', 'gone']);
      expect(limiter.status('accounts').queued).toBe(0);
    }),
  );

  it.concurrent('with a share of the quota ends its waiting calls when it is closed', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ onRedisUnavailable: { share: 0.1 } });
      await redis.kill();
      const calls = [fleet.call(limiter, 1), fleet.call(limiter, 1)];
      await sleep(300);
      await limiter.close();
      await Promise.all(calls.map((call) => call.done));
      expect(calls.map((call) => call.outcome)).toEqual(['admitted', 'MIMC_CLOSED']);
    }),
  );

  it.concurrent.each(['refuse', { share: 1 }] as const)(
    'keeps no count of calls that ended when an answer is overdue and units were granted ahead (%j)',
    (onRedisUnavailable) =>
      withRedis(async (redis, fleet) => {
        // Shorter than units are granted ahead.
        const limiter = fleet.add({ answerMs: 40, onRedisUnavailable });
        await recovered(fleet, limiter);
        for (let round = 0; round < 3; round += 1) {
          const held = Array.from({ length: 5 }, () => fleet.call(limiter, 2));
          await Promise.all(held.map(({ done }) => done));
          for (const { permit } of held) permit.settle();
          await sleep(930);
          const waiting = Array.from({ length: 4 }, () => fleet.call(limiter, 2));
          await sleep(12);
          redis.freeze();
          const late = fleet.call(limiter, 2, { lane: 'bulk' });
          await sleep(300);
          redis.thaw();
          await Promise.all([...waiting, late].map((call) => call.done.then(() => call.permit.settle())));
        }
        await eventually(() => expect(limiter.status('accounts')).toMatchObject({ queued: 0, usedUnits: 0 }));
      }),
  );

  it.concurrent('gives back what its first exchange is granted while it closes', () =>
    withRedis(async (_redis, fleet) => {
      const other = fleet.add();
      await recovered(fleet, other);
      for (const pauseMs of [0, 1, 2, 4, 8, 16]) {
        const limiter = fleet.add({ leaseMs: 60_000 });
        const call = fleet.call(limiter, 10);
        const ended = call.done.then(() => call.permit.cancel());
        await sleep(pauseMs);
        await limiter.close();
        await ended;
        const next = fleet.call(other, 10, { deadlineAt: performance.now() + 20_000 });
        await next.done;
        expect(next.outcome).toBe('admitted');
        next.permit.cancel();
      }
    }),
  );

  /** Asks until Redis grants again. */
  async function recovered(fleet: LimiterFleet, limiter: ReturnType<LimiterFleet['add']>, units = 1): Promise<void> {
    const end = performance.now() + 30_000;
    for (;;) {
      const call = fleet.call(limiter, units);
      await call.done;
      if (call.outcome === 'admitted') return call.permit.cancel();
      expect(call.outcome).toBe('MIMC_CONNECT');
      expect(performance.now()).toBeLessThan(end);
      await sleep(20);
    }
  }
});
