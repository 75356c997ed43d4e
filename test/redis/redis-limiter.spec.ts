import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MimcLane } from 'nestjs-mimc';
import type { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { LimiterFleet, SOON_MS } from '../support/redis-limiters.js';
import { type UsableRedis, useRedis } from '../support/redis.js';

describe('RedisMimcRateLimiter', () => {
  let redis: UsableRedis;
  let admin: Redis;

  beforeAll(async () => {
    redis = await useRedis();
    admin = new Redis(redis.url);
  });

  afterAll(async () => {
    await admin.quit();
    await redis.stop();
  });

  const withFleet = (body: (fleet: LimiterFleet) => Promise<void>) => LimiterFleet.use(redis.url, body);
  const keyOf = (fleet: LimiterFleet, name: string) => `{mimc:${fleet.app}}:limiter:accounts:${name}`;

  const stepBack = (fleet: LimiterFleet, us: number) => admin.hincrby(keyOf(fleet, 'state'), 'now', us);

  /** What Redis knows of calls that wait: units of both lanes. */
  const waitingUnits = async (fleet: LimiterFleet) => {
    const fields = Object.entries(await admin.hgetall(keyOf(fleet, 'state')));
    const heads = fields.filter(([field]) => /^[ib]:/.test(field)).map(([, head]) => Number(head.split(' ')[1]));
    return heads.reduce((sum, units) => sum + units, 0);
  };

  it.concurrent('units are held over all processes from the grant until a second after the answer', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const first = fleet.call(one, 10);
      await first.done;
      const second = fleet.call(two, 1);
      await sleep(300);
      expect(second.outcome).toBeUndefined();
      const settledAt = performance.now();
      first.permit.settle();
      await second.done;
      expect(second.outcome).toBe('admitted');
      expect(second.at - settledAt).toBeGreaterThanOrEqual(1_000);
      expect(second.at - settledAt).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('units that were never dispatched are free at once, here and elsewhere', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const first = fleet.call(one, 10);
      await first.done;
      const [here, elsewhere] = [fleet.call(one, 5), fleet.call(two, 5)];
      await sleep(50);
      const cancelledAt = performance.now();
      first.permit.cancel();
      await Promise.all([here.done, elsewhere.done]);
      expect(here.at - cancelledAt).toBeLessThan(SOON_MS);
      expect(elsewhere.at - cancelledAt).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('units are given back once, whatever is called after', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      const [first, second] = [fleet.call(limiter, 4), fleet.call(limiter, 6)];
      await Promise.all([first.done, second.done]);
      first.permit.settle();
      first.permit.cancel();
      const third = fleet.call(fleet.add(), 4);
      await sleep(500);
      expect(third.outcome).toBeUndefined();
      await third.done;
      second.permit.cancel();
      second.permit.settle();
      third.permit.cancel();
      const fourth = fleet.call(fleet.add(), 10);
      await fourth.done;
      expect(fourth.at - third.at).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('units of one bucket are none of the other', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      await fleet.call(limiter, 10).done;
      await expect(limiter.acquire('topics', 4, { lane: 'bulk' })).resolves.toBeDefined();
    }),
  );

  it.concurrent('units of one app are none of another', () =>
    withFleet(async (fleet) => {
      await fleet.call(fleet.add(), 10).done;
      const other = fleet.call(fleet.add({ app: `${fleet.app}-other` }), 10);
      await other.done;
      expect(other.outcome).toBe('admitted');
    }),
  );

  it.concurrent.each([11, 0, -1, 1.5, NaN])('units that can never fit are refused: %p', (units) =>
    withFleet(async (fleet) => {
      const call = fleet.call(fleet.add(), units);
      await call.done;
      expect(call.outcome).toBe('MIMC_INVALID');
    }),
  );

  it.concurrent('units of a process that died come free when its lease and a second are over', () =>
    withFleet(async (fleet) => {
      const connection = new Redis(redis.url);
      await fleet.call(fleet.add({ connection, leaseMs: 1_000 }), 10).done;
      const startedAt = performance.now();
      connection.disconnect();
      const other = fleet.call(fleet.add(), 10);
      await other.done;
      // Its last heartbeat may have been just before.
      expect(other.at - startedAt).toBeGreaterThanOrEqual(1_900);
      expect(other.at - startedAt).toBeLessThan(2_000 + SOON_MS);
    }),
  );

  it.concurrent('units of a slow request stay held while its process lives, whatever its lease', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add({ leaseMs: 1_000 });
      const slow = fleet.call(limiter, 10);
      await slow.done;
      const other = fleet.call(fleet.add(), 1);
      await sleep(3_000);
      expect(other.outcome).toBeUndefined();
      slow.permit.cancel();
      await other.done;
      expect(other.outcome).toBe('admitted');
    }),
  );

  it.concurrent('order is that of the calls within a process and lane', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add({ accountsPerSecond: 50 });
      const names = Array.from({ length: 40 }, (_, index) => String(index));
      const calls = names.map((name) => fleet.call(limiter, 1, { name }));
      await Promise.all(calls.map((call) => call.done));
      expect(fleet.order).toEqual(names);
    }),
  );

  it.concurrent('order keeps room for a large call that another process waits for', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const running = [fleet.call(one, 5), fleet.call(one, 5)];
      await Promise.all(running.map((call) => call.done));
      const large = fleet.call(two, 10, { name: 'large' });
      await eventually(async () => expect(await waitingUnits(fleet)).toBe(10));
      const small = fleet.call(one, 1, { name: 'small' });
      running[0]?.permit.cancel();
      await sleep(100);
      expect(small.outcome).toBeUndefined();
      running[1]?.permit.cancel();
      await large.done;
      large.permit.cancel();
      await small.done;
      expect(fleet.order.slice(2)).toEqual(['large', 'small']);
    }),
  );

  it.concurrent('order continues when the process that has the turn died', () =>
    withFleet(async (fleet) => {
      const [dying, two] = [fleet.add(), fleet.add()];
      const running = fleet.call(two, 6);
      await running.done;
      const now = Number(await admin.hget(keyOf(fleet, 'state'), 'now'));
      await admin.zadd(keyOf(fleet, 'interactive'), 0, 'x');
      await admin.hset(keyOf(fleet, 'state'), 'i:x', `10 10 ${now + 500_000}`);
      const startedAt = performance.now();
      const waiting = fleet.call(two, 4);
      await waiting.done;
      expect(waiting.at - startedAt).toBeGreaterThan(400);
      expect(waiting.at - startedAt).toBeLessThan(SOON_MS);
      await dying.close();
    }),
  );

  it.concurrent('order lets a heavy process and a light one have the same units', () =>
    withFleet(async (fleet) => {
      const [heavy, light] = [fleet.add({ accountsPerSecond: 50 }), fleet.add({ accountsPerSecond: 50 })];
      const flood = new Flood(150);
      flood.start(heavy, { name: 'heavy', lane: 'bulk', units: 10, calls: 30 });
      flood.start(light, { name: 'light', lane: 'bulk', units: 1, calls: 30 });
      const units = await flood.end;
      for (const name of ['heavy', 'light']) expect(units[name]).toBeGreaterThan(0.3 * 150);
    }),
  );

  it.concurrent('lanes let interactive go first over all processes', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const running = fleet.call(one, 10);
      await running.done;
      const bulk = fleet.call(one, 5, { lane: 'bulk', name: 'bulk' });
      await eventually(async () => expect(await waitingUnits(fleet)).toBe(5));
      const calls = [fleet.call(two, 5, { name: 'interactive' }), fleet.call(two, 5, { name: 'interactive' })];
      // Redis hears of the second call when the first asks again.
      await eventually(async () => expect(await waitingUnits(fleet)).toBe(5 + 2 * 5));
      running.permit.cancel();
      await Promise.all(calls.map((call) => call.done));
      expect(fleet.order.slice(1)).toEqual(['interactive', 'interactive']);
      calls[0]?.permit.cancel();
      await bulk.done;
    }),
  );

  // A process that is starved loses its turn, so only the promised tenth is exact: bulk earns a fifth.
  it.concurrent(
    'lanes grant bulk at least a tenth, and interactive most of the rest, when interactive is flooded',
    () =>
      withFleet(async (fleet) => {
        const add = () => fleet.add({ accountsPerSecond: 20 });
        const [one, two, three] = [add(), add(), add()];
        const flood = new Flood(60);
        flood.start(one, { name: 'interactive', lane: 'interactive', units: 1, calls: 20 });
        flood.start(two, { name: 'interactive', lane: 'interactive', units: 1, calls: 20 });
        flood.start(three, { name: 'bulk', lane: 'bulk', units: 2, calls: 2 });
        const { bulk, interactive } = await flood.end;
        expect(bulk).toBeGreaterThanOrEqual(6);
        expect(interactive).toBeGreaterThan(30);
      }),
  );

  it.concurrent('a penalty holds up all processes, and the later end wins', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      await Promise.all([fleet.call(one, 1).done, fleet.call(two, 1).done]);
      const startedAt = performance.now();
      one.penalize('accounts', 600);
      one.penalize('accounts', 100);
      expect(one.status('accounts').resumesInMs).toBeGreaterThan(500);
      await sleep(100);
      const calls = [fleet.call(one, 1), fleet.call(two, 1)];
      await Promise.all(calls.map((call) => call.done));
      for (const { at } of calls) {
        expect(at - startedAt).toBeGreaterThanOrEqual(599);
        expect(at - startedAt).toBeLessThan(SOON_MS);
      }
    }),
  );

  it.concurrent('a penalty is known to a process once Redis reported it', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      await fleet.call(one, 1).done;
      one.penalize('accounts', 30_000);
      await eventually(async () =>
        expect(Number(await admin.hget(keyOf(fleet, 'state'), 'resumes'))).toBeGreaterThan(0),
      );
      const call = fleet.call(two, 1, { deadlineAt: performance.now() + 20_000 });
      await call.done;
      expect(call.outcome).toBe('MIMC_DEADLINE');
      expect(two.status('accounts').resumesInMs).toBeGreaterThan(0);
    }),
  );

  it.concurrent.each([0, -5, NaN])('a penalty of %p ms is none', (forMs) =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      limiter.penalize('accounts', forMs);
      expect(limiter.status('accounts').resumesInMs).toBe(0);
    }),
  );

  it.concurrent('waiting ends with the reason of the signal, before it and during it', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      await fleet.call(limiter, 10).done;
      const before = fleet.call(limiter, 1, { signal: AbortSignal.abort('before') });
      const controller = new AbortController();
      const during = fleet.call(limiter, 1, { signal: controller.signal });
      await sleep(50);
      controller.abort('during');
      await Promise.all([before.done, during.done]);
      expect([before.outcome, during.outcome]).toEqual(['before', 'during']);
      expect(limiter.status('accounts').queued).toBe(0);
    }),
  );

  it.concurrent('waiting gives back what Redis granted to a call that was aborted meanwhile', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      await fleet.call(limiter, 1).done;
      const controller = new AbortController();
      const aborted = fleet.call(limiter, 9, { signal: controller.signal });
      controller.abort('gone');
      await aborted.done;
      const next = fleet.call(limiter, 9);
      await next.done;
      expect(next.at - aborted.at).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('waiting ends at the deadline, or at once when it cannot be met', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      const running = fleet.call(limiter, 10);
      await running.done;
      const startedAt = performance.now();
      const short = fleet.call(limiter, 1, { deadlineAt: startedAt + 900 });
      await short.done;
      expect(short.outcome).toBe('MIMC_DEADLINE');
      expect(short.at - startedAt).toBeLessThan(900);
      const long = fleet.call(limiter, 1, { deadlineAt: startedAt + 1_500 });
      await long.done;
      expect(long.outcome).toBe('MIMC_DEADLINE');
      expect(long.at).toBeGreaterThanOrEqual(startedAt + 500);
      expect(long.at).toBeLessThan(startedAt + SOON_MS);
      const over = fleet.call(limiter, 1, { deadlineAt: performance.now() });
      await over.done;
      expect(over.outcome).toBe('MIMC_DEADLINE');
    }),
  );

  it.concurrent('waiting is bounded', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add({ maxQueued: 2 });
      await fleet.call(limiter, 10).done;
      const bulk = { lane: 'bulk' } as const;
      const calls = [fleet.call(limiter, 1, bulk), fleet.call(limiter, 1, bulk)];
      const third = fleet.call(limiter, 1, bulk);
      await third.done;
      expect(third.outcome).toBe('MIMC_QUEUE_FULL');
      calls.push(fleet.call(limiter, 1), fleet.call(limiter, 1, { ...bulk, ignoresMaxQueued: true }));
      expect(limiter.status('accounts').queued).toBe(4);
      await limiter.close();
      await Promise.all(calls.map((call) => call.done));
      expect(calls.map((call) => call.outcome)).toEqual(calls.map(() => 'MIMC_CLOSED'));
    }),
  );

  it.concurrent('is closed once, refuses with MIMC_CLOSED, and lets Redis hear of the last settlement', () =>
    withFleet(async (fleet) => {
      const [one, two] = [fleet.add(), fleet.add()];
      const call = fleet.call(one, 10);
      await call.done;
      call.permit.settle();
      await Promise.all([one.close(), one.close()]);
      await one.close();
      call.permit.settle();
      const late = fleet.call(one, 1);
      await late.done;
      expect(late.outcome).toBe('MIMC_CLOSED');
      const next = fleet.call(two, 10);
      await next.done;
      expect(next.at - call.at).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('uses a client of yours and leaves it open', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add({ connection: admin });
      await fleet.call(limiter, 1).done;
      await limiter.close();
      await expect(admin.ping()).resolves.toBe('PONG');
    }),
  );

  it.concurrent('leaves keys that expire by themselves, all in one slot', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      const call = fleet.call(limiter, 10);
      await call.done;
      fleet.call(limiter, 1);
      await sleep(20);
      const keys = await admin.keys(`*${fleet.app}*`);
      expect(keys.toSorted()).toEqual(['held', 'interactive', 'state'].map((name) => keyOf(fleet, name)));
      const day = 86_400_000;
      for (const key of keys) {
        expect(await admin.pttl(key)).toBeGreaterThan(day - 60_000);
        expect(await admin.pttl(key)).toBeLessThanOrEqual(day);
      }
    }),
  );

  it.concurrent('continues when Redis forgot its scripts', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      await fleet.call(limiter, 1).done;
      await admin.script('FLUSH');
      const call = fleet.call(limiter, 1);
      await call.done;
      expect(call.outcome).toBe('admitted');
    }),
  );

  it.concurrent('when the clock of Redis steps back by less than a second, waits until it has caught up', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      const first = fleet.call(limiter, 10);
      await first.done;
      await stepBack(fleet, 700_000);
      first.permit.settle();
      const second = fleet.call(limiter, 1);
      await second.done;
      expect(second.at - first.at).toBeGreaterThanOrEqual(1_650);
      expect(second.at - first.at).toBeLessThan(SOON_MS);
    }),
  );

  it.concurrent('when the clock of Redis steps back by an hour, continues', () =>
    withFleet(async (fleet) => {
      const limiter = fleet.add();
      const first = fleet.call(limiter, 10);
      await first.done;
      await stepBack(fleet, 3_600_000_000);
      first.permit.settle();
      const second = fleet.call(limiter, 1);
      await second.done;
      expect(second.at - first.at).toBeGreaterThanOrEqual(1_000);
      expect(second.at - first.at).toBeLessThan(SOON_MS);
    }),
  );

  it.each([
    { app: '' },
    { app: 'a{b}' },
    { prefix: '' },
    { accountsPerSecond: 0 },
    { topicsPerSecond: 1.5 },
    { maxQueued: 0 },
    { leaseMs: 999 },
    { leaseMs: 2_147_483_648 },
    { answerMs: 0 },
    { answerMs: 2_147_483_648, leaseMs: 2_147_483_647 },
    { answerMs: 1_000, leaseMs: 1_000 },
    { onRedisUnavailable: { share: 0 } },
    { onRedisUnavailable: { share: 1.1 } },
    { connection: '' },
  ])('refuses wrong options and names them: %p', (wrong) => {
    const [name = ''] = Object.keys(wrong);
    expect(() => new LimiterFleet(redis.url).add(wrong)).toThrow(
      expect.objectContaining({ code: 'MIMC_CONFIG', message: expect.stringContaining(name) }),
    );
  });
});

/** Calls that always wait, until this many units are granted together. */
class Flood {
  readonly end: Promise<Readonly<Record<string, number>>>;
  readonly #units: Record<string, number> = {};
  readonly #enough = new AbortController();
  #left: number;

  constructor(total: number) {
    this.#left = total;
    this.end = once(this.#enough.signal, 'abort').then(() => this.#units);
  }

  start(limiter: RedisMimcRateLimiter, load: { name: string; lane: MimcLane; units: number; calls: number }): void {
    for (let call = 0; call < load.calls; call += 1) void this.#keepCalling(limiter, load);
  }

  async #keepCalling(
    limiter: RedisMimcRateLimiter,
    { name, lane, units }: { name: string; lane: MimcLane; units: number },
  ): Promise<void> {
    const { signal } = this.#enough;
    while (!signal.aborted) {
      const permit = await limiter.acquire('accounts', units, { lane, signal }).catch(() => undefined);
      if (signal.aborted || permit === undefined) return permit?.cancel();
      this.#units[name] = (this.#units[name] ?? 0) + units;
      this.#left -= units;
      permit.settle();
      if (this.#left <= 0) this.#enough.abort();
    }
  }
}
