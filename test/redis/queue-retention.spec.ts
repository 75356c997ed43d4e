import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';
import { mayStartRedis, startRedis, type TestRedis } from '../support/redis.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { accounts, endOf, failuresOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };
const queues = useQueues({ worker: false });
const { boot } = queues;
const worker = { queue: { worker: true } };
let mimc: MimcEmulator;
let client: Redis;
let app = '';

beforeEach(() => {
  ({ mimc, client } = queues);
  app = `{${queues.prefix}:${secrets.appId}}`;
});

const keysOf = async (id: string, redis = client) =>
  (await redis.keys(`${app}:broadcast*`)).filter((key) => key.split(/[.:]/).includes(id));
const isForgotten = (id: string, redis = client) => eventually(async () => expect(await keysOf(id, redis)).toEqual([]));
const dueNow = (...ids: string[]) => client.zadd(`${app}:broadcasts:ended`, ...ids.flatMap((id) => [1, id]));
const pushesDueNow = (...ids: string[]) => client.zadd(`${app}:pushes-ended`, ...ids.flatMap((id) => [1, `p-${id}`]));
const toAlice = { toAccount: 'alice', msg: 'hello' };
/** Reads what BullMQ has, and changes it as a tool of an operator may. */
const bullQueue = (name: string) => {
  const queue = new Queue(name, { connection: client, prefix: app });
  queues.closeWith(() => queue.close());
  return queue;
};

describe('retention', () => {
  it('keeps a broadcast that was resent after a process read that it was due', async () => {
    const { broadcasts } = await boot();
    for (const id of ['a', 'b']) {
      await broadcasts.enqueue({ id, message, audience: accounts(20) });
      await broadcasts.cancel(id);
    }
    const relay = await TcpRelay.start(queues.redis.url);
    queues.closeWith(() => relay.stop());
    await boot({ queue: { worker: true, connection: relay.url } });
    for (const id of ['a', 'b']) await endOf(broadcasts, id);
    relay.hold();
    await dueNow('a', 'b');
    await relay.releaseUntil(/zrangebyscore[^]*broadcasts:ended/i);
    await broadcasts.resend('b', ['cancelled']);
    const quick = await boot(worker);
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done' });
    await quick.close();
    relay.release();
    await isForgotten('a');
    // It looks at this one after the others.
    await broadcasts.enqueue({ id: 'c', message, audience: [] });
    await dueNow('c');
    await eventually(async () => expect(await broadcasts.get('c')).toBeUndefined());
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 20 } });
  });

  it('is completed by another process if one dies halfway; until then the id is refused', async () => {
    const { broadcasts } = await boot();
    const request = { id: 'b', message, audience: accounts(20) };
    await broadcasts.enqueue(request);
    const first = await boot(worker);
    await endOf(broadcasts, 'b');
    await first.close();
    // What a process leaves that died halfway.
    await client.srem(`${app}:broadcasts:done`, 'b');
    await expect(broadcasts.enqueue(request)).rejects.toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    await expect(broadcasts.get('b')).resolves.toBeUndefined();
    await dueNow('b');
    await boot(worker);
    await isForgotten('b');
    await broadcasts.enqueue(request);
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 20 } });
    expect(mimc.totals.accountsDelivered).toBe(40);
  });

  it('records the end of a broadcast whose text holds half of a surrogate pair', async () => {
    const { broadcasts } = await boot(worker);
    const half = { msg: 'cut \ud83d' };
    await expect(broadcasts.enqueue({ id: 'b', message: half, audience: [] })).resolves.toMatchObject({
      state: 'done',
    });
    await dueNow('b');
    await isForgotten('b');
  });

  it('leaves an id free, whatever a late process writes under it', async () => {
    const { broadcasts } = await boot(worker);
    const request = { id: 'b', message, audience: accounts(20) };
    await broadcasts.enqueue(request);
    await endOf(broadcasts, 'b');
    const fields = await client.hgetall(`${app}:broadcast:b`);
    await dueNow('b');
    await isForgotten('b');
    await client.hset(`${app}:broadcast:b`, fields);
    await broadcasts.enqueue({ ...request, audience: accounts(30) });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 30, accepted: 30 } });
    expect(mimc.totals.accountsDelivered).toBe(50);
  });

  it('keeps what a late producer adds out of the next broadcast with its id', async () => {
    const { broadcasts } = await boot();
    await broadcasts.enqueue({ id: 'a', message, audience: ['first'] });
    const relay = await TcpRelay.start(queues.redis.url);
    queues.closeWith(() => relay.stop());
    const late = await boot({ queue: { connection: relay.url } });
    const old = Array.from({ length: 30 }, (_, index) => `old-${index}`);
    relay.hold();
    const enqueued = errorOf(late.broadcasts.enqueue({ id: 'b', message, audience: old }));
    // It has recorded its jobs, but has yet to add them.
    await relay.releaseUntil(/\ninfo\r/i);
    await relay.releaseUntil(/broadcast:b:audience/);
    await eventually(async () => expect(await broadcasts.get('b')).toMatchObject({ counts: { read: 30 } }));
    await broadcasts.cancel('b');
    await dueNow('b');
    const first = await boot(worker);
    await isForgotten('b');
    await first.close();
    relay.release();
    await expect(enqueued).resolves.toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    expect(await client.llen(`${app}:broadcast.b:wait`)).toBe(3);
    await broadcasts.enqueue({ id: 'b', message: { msg: 'another' }, audience: [...accounts(15), ''] });
    await broadcasts.pause('b');
    await expect(failuresOf(broadcasts, 'b')).resolves.toEqual([]);
    await expect(broadcasts.resend('b', ['unknown', 'not-sent'])).resolves.toBe(0);
    await broadcasts.resume('b');
    await boot(worker);
    const counts = { read: 16, accepted: 15, invalid: 1, unknown: 0, pending: 0 };
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts });
    await expect(failuresOf(broadcasts, 'b')).resolves.toMatchObject([{ offset: 15, outcome: 'invalid' }]);
    expect(await client.llen(`${app}:broadcast.b:wait`)).toBe(0);
    expect(old.filter((account) => mimc.count(account) > 0)).toEqual([]);
    expect(accounts(15).map((account) => mimc.count(account))).toEqual(Array(15).fill(1));
  });

  it('of several processes at the same time leaves no key', async () => {
    const { broadcasts } = await boot();
    const ids = Array.from({ length: 60 }, (_, index) => `b${index}`);
    for (const id of ids) await broadcasts.enqueue({ id, message, audience: [] });
    await Promise.all([boot(worker), boot(worker), boot(worker)]);
    await dueNow(...ids);
    await eventually(async () => expect(await broadcasts.list()).toEqual([]));
    await eventually(async () => expect(await client.keys(`${app}:broadcast*`)).toEqual([]));
  });

  it('repairs what was left half done, though some of it is broken', async () => {
    const { broadcasts } = await boot(worker);
    const broken = ['bad', 'worse', 'worst'];
    for (const id of broken) {
      await client.hset(`${app}:broadcast:${id}`, 'plan', 'not JSON');
      await client.sadd(`${app}:broadcasts:done`, id);
    }
    await broadcasts.enqueue({ id: 'b', message, audience: [] });
    await client.zrem(`${app}:broadcasts:ended`, 'b');
    await client.sadd(`${app}:broadcasts:enqueuing`, 'without-plan');
    await eventually(async () => {
      // Makes the worker look, which it otherwise does once a second.
      await broadcasts.resume('nobody');
      expect(await client.zrange(`${app}:broadcasts:ended`, '0', '-1')).toContain('b');
      expect(await client.smembers(`${app}:broadcasts:enqueuing`)).toEqual([]);
    });
  });

  it('keeps a push that was added again while a process was forgetting the earlier one', async () => {
    const { pushes } = await boot();
    await pushes.toAccount(toAlice, { id: 'p' });
    const relay = await TcpRelay.start(queues.redis.url);
    queues.closeWith(() => relay.stop());
    await boot({ queue: { worker: true, connection: relay.url } });
    await eventually(async () => expect(await client.zcard(`${app}:pushes:completed`)).toBe(1));
    relay.hold();
    await pushesDueNow('p');
    await relay.releaseUntil(/hgetall[^]*:pushes:p-p\r/i);
    // A minute later, another process takes over.
    await pushesDueNow('p');
    const quick = await boot(worker);
    await eventually(async () => expect(await pushes.get('p')).toBeUndefined());
    await quick.close();
    const sendAt = new Date(Date.now() + 600_000);
    await pushes.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: 'p', sendAt });
    relay.release();
    // It looks at this one after the others.
    await pushes.toAccount(toAlice, { id: 'c', sendAt });
    await pushes.cancel('c');
    await pushesDueNow('c');
    await eventually(async () => expect(await pushes.get('c')).toBeUndefined());
    await expect(pushes.get('p')).resolves.toMatchObject({ state: 'scheduled', sendAt });
  });

  it('of pushes leaves no key, wherever BullMQ has the job', async () => {
    const { pushes } = await boot();
    const first = await boot(worker);
    await pushes.toAccount(toAlice, { id: 'sent' });
    await pushes.toTopic({ topicId: '7', msg: 'hello' }, { id: 'group' });
    for (const id of ['sent', 'group']) await pushes.wait(id);
    await first.close();
    const queue = bullQueue('pushes');
    const sendAt = new Date(Date.now() + 600_000);
    await pushes.toAccount(toAlice, { id: 'later', sendAt });
    await client.hset(`${app}:pushes:p-later`, 'part:0', JSON.stringify({ to: 1, outcome: 'cancelled', at: 1 }));
    await pushes.toAccount(toAlice, { id: 'bulk', priority: 'bulk' });
    await pushes.toAccount(toAlice, { id: 'waiting' });
    for (const id of ['bulk', 'waiting']) await pushes.cancel(id);
    await queue.pause();
    await pushes.toAccount(toAlice, { id: 'paused' });
    await pushes.cancel('paused');
    await queue.addJobLog('p-sent', 'a line');
    const ids = ['sent', 'group', 'later', 'bulk', 'waiting', 'paused'];
    await pushesDueNow(...ids);
    await boot(worker);
    await eventually(async () => expect(await client.keys(`${app}:*:p-*`)).toEqual([]));
    await expect(client.zcard(`${app}:pushes-ended`)).resolves.toBe(0);
    for (const name of ['pushes', 'topic-pushes']) {
      const counts = await bullQueue(name).getJobCounts();
      expect(Object.values(counts).every((count) => count === 0)).toBe(true);
    }
  });

  it('of a push waits for a worker that has its job, and for its end', async () => {
    const { pushes } = await boot();
    const sendAt = new Date(Date.now() + 600_000);
    for (const id of ['locked', 'live', 'ended']) await pushes.toAccount(toAlice, { id, sendAt });
    for (const id of ['locked', 'ended']) await pushes.cancel(id);
    const queue = bullQueue('pushes');
    await queue.pause();
    await client.set(`${app}:pushes:p-locked:lock`, 'a worker');
    await pushesDueNow('locked', 'live', 'ended');
    await boot(worker);
    await eventually(async () => expect(await pushes.get('ended')).toBeUndefined());
    await eventually(async () => expect(await client.zrange(`${app}:pushes-ended`, '0', '-1')).toEqual(['p-locked']));
    await expect(pushes.get('locked')).resolves.toMatchObject({ state: 'cancelled' });
    await expect(pushes.get('live')).resolves.toMatchObject({ state: 'scheduled' });
    await client.del(`${app}:pushes:p-locked:lock`);
    await pushesDueNow('locked');
    await eventually(async () => expect(await pushes.get('locked')).toBeUndefined());
  });

  it('of pushes that fail does not delay that of others', async () => {
    const { pushes, log } = await boot(worker);
    const broken = Array.from({ length: 60 }, (_, index) => `p-${100 + index}`);
    for (const id of broken) await client.set(`${app}:pushes:${id}`, 'not a hash');
    await client.zadd(`${app}:pushes-ended`, ...broken.flatMap((id) => [1, id]));
    await pushes.toAccount(toAlice, { id: 'whole', retentionMs: 1_000 });
    await pushes.wait('whole');
    await eventually(async () => expect(await pushes.get('whole')).toBeUndefined());
    await eventually(async () => expect(await client.zcard(`${app}:pushes-ended`)).toBe(broken.length));
    expect(log.join()).toContain('WRONGTYPE');
  });
});

// One that somebody else started must not be filled.
(mayStartRedis() ? describe : describe.skip)('retention in a Redis that is full', () => {
  let own: TestRedis;

  beforeEach(async () => {
    own = await startRedis();
  });
  afterEach(async () => {
    await queues.close();
    await own.stop();
  });

  it('frees the memory of broadcasts and pushes', async () => {
    const admin = new Redis(own.url);
    queues.closeWith(() => admin.quit());
    const queue = { connection: own.url, retentionMs: 1_000 };
    const { broadcasts, pushes } = await boot({ queue });
    await broadcasts.enqueue({ id: 'empty', message, audience: [] });
    let giveUp = () => {};
    const isGivenUp = new Promise<void>((resolve) => (giveUp = resolve));
    const audience = (async function* () {
      yield* accounts(2_400);
      await isGivenUp;
    })();
    const enqueued = broadcasts
      .enqueue({ id: 'half', message, audience, chunkSize: 1 })
      .catch((error: unknown) => error);
    await eventually(async () => expect(await admin.llen(`${app}:broadcast.half:wait`)).toBe(2_400));
    await pushes.toAccount(toAlice, { id: 'p', sendAt: new Date(Date.now() + 600_000) });
    await pushes.cancel('p');
    await admin.config('SET', 'maxmemory', 1);
    // BullMQ 6 leaves its jobs there then.
    await expect(broadcasts.cancel('half')).resolves.toMatchObject({ state: 'cancelled' });
    await boot({ queue: { ...queue, worker: true } });
    await eventually(async () => expect(await pushes.get('p')).toBeUndefined());
    for (const id of ['empty', 'half']) await isForgotten(id, admin);
    await expect(broadcasts.list()).resolves.toEqual([]);
    giveUp();
    await expect(enqueued).resolves.toMatchObject({ outcome: 'not-sent' });
  });
});
