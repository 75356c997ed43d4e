import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';
import { type UsableRedis, useRedis } from '../support/redis.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { bootQueue, type QueueApp, type QueueAppOptions } from './queue-app.js';

const accounts = (count: number, name = 'user') => Array.from({ length: count }, (_, index) => `${name}-${index}`);
const message = { msg: 'hello' };
const otherAudience = { code: 'MIMC_INVALID', violations: [{ field: 'audience', rule: 'sameAudience' }] };

describe('the audience of a queued broadcast', () => {
  let redis: UsableRedis;
  let client: Redis;
  let mimc: MimcEmulator;
  let apps: QueueApp[] = [];
  let prefix = '';

  beforeAll(async () => {
    redis = await useRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    await client.quit();
    await redis.stop();
  });
  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    prefix = `test-${randomUUID()}`;
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    apps = [];
    await mimc.close();
    const keys = await client.keys(`{${prefix}:*`);
    if (keys.length > 0) await client.del(keys);
  });

  const boot = async (options: QueueAppOptions = {}): Promise<MimcBroadcastQueue> => {
    const app = await bootQueue({
      mimc: { baseUrl: mimc.url, ...options.mimc },
      queue: { connection: redis.url, prefix, ...options.queue },
    });
    apps.push(app);
    return app.broadcasts;
  };
  const producer = (connection = redis.url) => boot({ queue: { worker: false, connection } });
  const isOver = (broadcasts: MimcBroadcastQueue, id: string) =>
    eventually(async () => expect(await broadcasts.get(id)).toMatchObject({ ended: true }));

  it('stays as it was completed when the rest of another one arrives late', async () => {
    const relay = await TcpRelay.start(redis.url);
    const [one, late] = [await producer(), await producer(relay.url)];
    const other = (async function* () {
      // As one job for ten, a whole batch; then the rest, which is on its way while the first audience is completed.
      yield* accounts(2_000);
      await eventually(async () => expect((await one.get('b'))?.counts.read).toBe(2_000));
      relay.hold();
      yield* accounts(30, 'stranger');
    })();
    const refused = errorOf(late.enqueue({ id: 'b', message, audience: other }));
    await eventually(async () => expect((await one.get('b'))?.counts.read).toBe(2_000));
    await one.enqueue({ id: 'b', message, audience: accounts(2_005) });
    relay.release();
    await expect(refused).resolves.toMatchObject(otherAudience);
    await boot({ queue: { concurrency: 16 } });
    await isOver(one, 'b');
    await expect(one.get('b')).resolves.toMatchObject({ counts: { read: 2_005, accepted: 2_005 } });
    // A later broadcast comes after whatever is left of this one.
    await one.enqueue({ id: 'c', message, audience: ['last'] });
    await isOver(one, 'c');
    expect(accounts(30, 'stranger').filter((account) => mimc.count(account) > 0)).toEqual([]);
    await relay.stop();
  });

  it('is that of one producer at most when several enqueue different ones at the same time', async () => {
    const producers = [await producer(), await producer(), await producer()];
    const ids = Array.from({ length: 10 }, (_, index) => `b${index}`);
    const audienceOf = (index: number) => [...accounts(2_100), ...accounts(10 + index, `only-${index}`)];
    const enqueued = await Promise.all(
      ids.map((id) =>
        Promise.allSettled(producers.map((each, index) => each.enqueue({ id, message, audience: audienceOf(index) }))),
      ),
    );
    const taken = enqueued.map((results) =>
      results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : [])),
    );
    expect(taken.filter((winners) => winners.length > 1)).toEqual([]);
    const rejected = enqueued
      .flat()
      .flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    for (const reason of rejected) expect(reason).toMatchObject(otherAudience);
    const worker = await boot({ queue: { concurrency: 32 } });
    for (const [index, id] of ids.entries()) if (taken[index]?.length === 1) await isOver(worker, id);
    for (const index of producers.keys()) {
      const times = taken.filter(([winner]) => winner === index).length;
      const received = accounts(10 + index, `only-${index}`).map((account) => mimc.count(account));
      expect(new Set(received)).toEqual(new Set([times]));
    }
  });

  it('is sent to in full where an entry that is not a recipient stands inside a request that the worker splits', async () => {
    const broadcasts = await producer();
    const people = accounts(9);
    await broadcasts.enqueue({ id: 'b', message, audience: [...people.slice(0, 5), '', ...people.slice(5)] });
    await boot({ mimc: { quota: { accountsPerSecond: 5 } }, queue: { concurrency: 1 } });
    await isOver(broadcasts, 'b');
    await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 9, invalid: 1, unknown: 0 } });
    expect(people.map((account) => mimc.count(account))).toEqual(people.map(() => 1));
  });
});
