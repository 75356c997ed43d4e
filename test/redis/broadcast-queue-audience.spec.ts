import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { inPages } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { MimcBroadcastQueue, MimcBroadcastQueueOptions, MimcFailedChunk } from 'nestjs-mimc/bullmq';
import { BroadcastStore } from '../../libs/mimc/src/bullmq/queue/broadcast-store.js';
import { resolveQueueOptions } from '../../libs/mimc/src/bullmq/queue/queue-options.js';
import { errorOf, secrets } from '../support/push-app.js';
import { type UsableRedis, useRedis } from '../support/redis.js';
import { bootQueue, type QueueApp } from './queue-app.js';

const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const message = { msg: 'hello' };

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
    prefix = `audience-${randomUUID()}`;
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    apps = [];
    await mimc.close();
    const keys = await client.keys(`{${prefix}}:*`);
    if (keys.length > 0) await client.del(keys);
  });

  const start = async (queue: Partial<MimcBroadcastQueueOptions> = {}): Promise<QueueApp> => {
    const app = await bootQueue({ mimc: { baseUrl: mimc.url }, queue: { connection: redis.url, prefix, ...queue } });
    apps.push(app);
    return app;
  };
  const producer = async () => (await start({ worker: false })).broadcasts;
  const endOf = async (broadcasts: MimcBroadcastQueue) => {
    let last;
    for await (last of broadcasts.watch('b', { intervalMs: 20 }));
    return last;
  };
  const failuresOf = async (broadcasts: MimcBroadcastQueue, after?: number) => {
    const failures: MimcFailedChunk[] = [];
    for await (const failure of broadcasts.failedChunks('b', { after })) failures.push(failure);
    return failures;
  };
  /** An audience that breaks off after so many. */
  function* broken(people: readonly string[]) {
    yield* people;
    throw new Error('The cursor broke');
  }

  it('refuses an audience that a broadcast in process refuses, and takes pages as it does', async () => {
    const broadcasts = await producer();
    const map = new Map([['alice', 'Alice']]);
    await expect(
      broadcasts.enqueue({ id: 'map', message, audience: map as unknown as string[] }),
    ).rejects.toMatchObject({ code: 'MIMC_INVALID', violations: [{ field: 'audience' }] });
    const rows = [['alice', 'Alice']] as unknown as string[];
    await expect(broadcasts.enqueue({ id: 'rows', message, audience: rows })).resolves.toMatchObject({
      counts: { read: 1, invalid: 1 },
    });
    const pages = inPages([accounts(3), accounts(2)]);
    await expect(broadcasts.enqueue({ id: 'pages', message, audience: pages })).resolves.toMatchObject({
      counts: { read: 5, invalid: 0 },
    });
  });

  it('is not taken as complete when it ends before what was written of it', async () => {
    const broadcasts = await producer();
    const begun = broadcasts.enqueue({ id: 'b', message, audience: broken(accounts(500)) });
    await expect(begun).rejects.toThrow('The cursor broke');
    for (const count of [0, 30, 499]) {
      const error = await errorOf(broadcasts.enqueue({ id: 'b', message, audience: accounts(count) }));
      expect(error).toMatchObject({ code: 'MIMC_INVALID', violations: [{ field: 'audience', rule: 'sameAudience' }] });
      await expect(broadcasts.get('b')).resolves.toMatchObject({ enqueued: false, counts: { read: 500 } });
    }
    await expect(broadcasts.enqueue({ id: 'b', message, audience: accounts(500) })).resolves.toMatchObject({
      enqueued: true,
      counts: { read: 500 },
    });
  });

  it('comes from one producer: one that was taken over is refused, and loses nothing in silence', async () => {
    const [one, other] = [await producer(), await producer()];
    let goOn = () => {};
    let isHalted = () => {};
    const halt = new Promise<void>((resolve) => (goOn = resolve));
    const halted = new Promise<void>((resolve) => (isHalted = resolve));
    const slow = async function* () {
      yield* accounts(200);
      isHalted();
      await halt;
      yield* Array.from({ length: 300 }, (_, index) => `of-one-${index}`);
    };
    const first = errorOf(one.enqueue({ id: 'b', message, audience: slow() }));
    await halted;
    await expect(other.enqueue({ id: 'b', message, audience: accounts(500) })).resolves.toMatchObject({
      enqueued: true,
    });
    goOn();
    await expect(first).resolves.toMatchObject({
      code: 'MIMC_INVALID',
      violations: [{ field: 'id', rule: 'oneProducer' }],
    });
    await start({ concurrency: 16 });
    await expect(endOf(other)).resolves.toMatchObject({ counts: { read: 500, accepted: 500 } });
    expect(accounts(500).filter((account) => mimc.count(account) !== 1)).toEqual([]);
  });

  it('is refused where it would be completed after another producer began', async () => {
    const store = new BroadcastStore(client, { prefix: `{${prefix}}`, queueName: 'broadcasts' });
    const settings = resolveQueueOptions({ connection: redis.url });
    const [one, other] = ['one', 'other'].map((name) => ({ id: 'b', kind: 'accounts', producer: name }) as const);
    if (one === undefined || other === undefined) throw new Error('There are two');
    const page = { from: 0, to: 1, chunks: [[0, ['a']]], invalid: [] } as const;
    await store.begin(one, message, settings);
    // A command that is repeated, as its answer was lost.
    await expect(store.append(one, page)).resolves.toEqual({ state: 'running', position: 1 });
    await expect(store.append(one, page)).resolves.toEqual({ state: 'running', position: 1 });
    await expect(store.begin(other, message, settings)).resolves.toMatchObject({ position: 1, sealed: false });
    await expect(store.append(one, { ...page, from: 1, to: 2 })).resolves.toMatchObject({ state: 'taken' });
    await expect(store.seal(one, 1)).resolves.toMatchObject({ state: 'taken' });
    await store.seal(other, 1);
    // What is complete is nobody's any more: its producer may repeat its last command.
    await expect(store.begin(one, message, settings)).resolves.toMatchObject({ sealed: true });
    await expect(store.seal(other, 1)).resolves.toEqual({ state: 'running', position: 1 });
  });

  it('has its failures listed in its order, invalid entries among refused chunks, and from any of them on', async () => {
    const { broadcasts } = await start({ concurrency: 1 });
    const audience: unknown[] = accounts(300);
    for (const offset of [5, 45, 95, 150]) audience[offset] = '';
    audience[45] = Symbol('\ud83d\0"\\');
    audience[46] = {};
    mimc.failNext({ kind: 'code', code: 403, message: 'no' }, 3);
    await broadcasts.enqueue({ id: 'b', message, audience: audience as string[] });
    await expect(endOf(broadcasts)).resolves.toMatchObject({ counts: { refused: 30, invalid: 5, accepted: 265 } });
    const failures = await failuresOf(broadcasts);
    expect(failures.map(({ offset, outcome }) => `${outcome} ${offset}`)).toEqual([
      'refused 0',
      'invalid 5',
      'refused 11',
      'refused 21',
      'invalid 45',
      'invalid 46',
      'invalid 95',
      'invalid 150',
    ]);
    for (const [index, { offset }] of failures.entries()) {
      await expect(failuresOf(broadcasts, offset)).resolves.toEqual(failures.slice(index + 1));
    }
  });

  it('counts recipients as unknown whom Redis lost, and ends', async () => {
    const broadcasts = await producer();
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(300) });
    await client.del(`{${prefix}}:broadcasts:broadcasts:b:data:100`);
    const { log } = await start();
    await expect(endOf(broadcasts)).resolves.toMatchObject({
      state: 'done',
      counts: { read: 300, accepted: 200, unknown: 100, pending: 0 },
    });
    expect(log.filter((line) => line.includes('page 100 of b'))).toHaveLength(1);
  });

  it('goes to no Redis but the one that was named', async () => {
    const cases = [client, { host: 'redis', keyPrefix: 'app:' }, `${redis.url}?keyPrefix=app:`];
    for (const connection of cases) {
      const error = await errorOf(start({ connection } as never));
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: 'connection' }] });
    }
  });
});
