import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import {
  type MimcBroadcastQueue,
  type MimcFailedChunk,
  type MimcPushQueue,
  type MimcQueuedBroadcast,
  type MimcQueueOptions,
  RedisMimcRateLimiter,
} from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { Child } from '../stress/chaos-queue/child.js';
import type { ProducerSettings } from '../stress/chaos-queue/producer-process.js';
import type { QueueAppSettings } from '../stress/chaos-queue/queue-app.js';
import { compiled, COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { eventually } from '../support/eventually.js';
import { secrets } from '../support/push-app.js';
import { mayStartRedis, startRedis, type TestRedis, type UsableRedis, useRedis } from '../support/redis.js';
import { bootQueue, type QueueApp, type QueueAppOptions } from './queue-app.js';

const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const message = { msg: 'hello' };
const LOCK_MS = 2_000;
const WORKER = compiled('test/stress/chaos-queue/worker-process.ts');
const PRODUCER = compiled('test/stress/chaos-queue/producer-process.ts');

/** Far more than a process takes to start on a busy machine. */
const START_MS = 90_000;

let redis: UsableRedis;
let client: Redis;
let mimc: MimcEmulator;
let prefix = '';
let apps: QueueApp[] = [];
let children: Child[] = [];

beforeAll(async () => {
  redis = await useRedis();
  client = new Redis(redis.url);
  await compileProcesses();
}, COMPILE_MS);
afterAll(async () => {
  await client.quit();
  await redis.stop();
});
beforeEach(async () => {
  mimc = await MimcEmulator.start({ credentials: secrets });
  prefix = `crash-${randomUUID()}`;
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  for (const app of apps.splice(0)) await app.close();
  await mimc.close();
  const keys = await client.keys(`{${prefix}:*`);
  if (keys.length > 0) await client.del(keys);
});

async function boot(queue: Partial<MimcQueueOptions> = {}, more: QueueAppOptions = {}): Promise<QueueApp> {
  const app = await bootQueue({
    mimc: { baseUrl: mimc.url, ...more.mimc },
    queue: { connection: redis.url, prefix, lockMs: LOCK_MS, worker: false, ...queue },
  });
  apps.push(app);
  return app;
}

function settings(more: Partial<QueueAppSettings>): QueueAppSettings {
  const given = { mimcUrl: mimc.url, credentials: secrets, redisUrl: redis.url, prefix, lockMs: LOCK_MS };
  return { ...given, worker: true, concurrency: 4, ...more };
}

async function worker(more: Partial<QueueAppSettings> = {}): Promise<Child> {
  const child = new Child(WORKER, settings(more));
  children.push(child);
  await child.ready();
  return child;
}

/** The limiter of another process that shares the quota. */
function limiterOf(accountsPerSecond: number): RedisMimcRateLimiter {
  return new RedisMimcRateLimiter({ connection: redis.url, app: secrets.appId, prefix, accountsPerSecond });
}

function paced(accountsPerSecond: number): QueueAppOptions {
  return { mimc: { quota: { accountsPerSecond }, limiter: limiterOf(accountsPerSecond) } };
}

async function producer(more: Pick<ProducerSettings, 'adds' | 'size' | 'hangAt'>): Promise<Child> {
  const child = new Child(PRODUCER, { ...settings({ worker: false }), ...more });
  children.push(child);
  await child.ready();
  return child;
}

async function endOf(broadcasts: MimcBroadcastQueue, id: string): Promise<MimcQueuedBroadcast | undefined> {
  let last: MimcQueuedBroadcast | undefined;
  for await (last of broadcasts.watch(id, { intervalMs: 50 }));
  return last;
}

async function failuresOf(broadcasts: MimcBroadcastQueue, id: string): Promise<MimcFailedChunk[]> {
  const failures: MimcFailedChunk[] = [];
  for await (const failure of broadcasts.failedChunks(id)) failures.push(failure);
  return failures;
}

const notOnce = (people: readonly string[]) => people.filter((account) => mimc.count(account) !== 1);

describe('a worker that dies', () => {
  it('while it waits for quota leaves nothing unknown, and another one sends', async () => {
    const { broadcasts, pushes } = await boot();
    const limiter = limiterOf(10);
    const permit = await limiter.acquire('accounts', 10, { lane: 'interactive' });
    const waiting = await worker({ accountsPerSecond: 10 });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(40) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    await eventually(async () => expect(await activeJobs('broadcast.b')).toBe(4));
    await eventually(async () => expect(await activeJobs('pushes')).toBe(1));
    await waiting.kill();
    expect(mimc.requests).toEqual([]);
    permit.cancel();
    await limiter.close();
    await boot({ worker: true }, paced(10));
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 40, unknown: 0 } });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    expect(notOnce([...accounts(40), 'alice'])).toEqual([]);
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(10);
  });

  it('with a request in flight leaves exactly that unknown with at-most-once', async () => {
    const { broadcasts, pushes } = await killedInFlight('at-most-once');
    await boot({ worker: true });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 40, unknown: 10 } });
    await mustFail(broadcasts, {
      recipients: { length: 10 },
      message: expect.stringContaining('never reported back'),
    });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'unknown' });
    expect(notOnce([...accounts(50), 'alice'])).toEqual([]);
  });

  it('with a request in flight has it sent again with at-least-once', async () => {
    const { broadcasts, pushes } = await killedInFlight('at-least-once');
    await boot({ worker: true });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 50, unknown: 0 } });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted', receipt: { mayBeDuplicate: true } });
    expect(mimc.count('alice')).toBe(2);
    expect(notOnce(accounts(50))).toHaveLength(10);
    expect(notOnce(accounts(50)).map((account) => mimc.count(account))).toEqual(Array.from({ length: 10 }, () => 2));
  });

  it('with a request in flight makes the worst of it what the next attempt comes to', async () => {
    const { broadcasts, pushes } = await killedInFlight('at-least-once');
    const isRepeated = ({ body }: { body: unknown }) => JSON.stringify(body).match(/"(alice|user-0)"/) !== null;
    mimc.faultWhen(isRepeated, { kind: 'code', code: 403, message: 'no' });
    await boot({ worker: true });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 40, unknown: 10, refused: 0 } });
    await mustFail(broadcasts, { recipients: { length: 10 }, apiCode: 403 });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'unknown', error: { apiCode: 403 } });
    expect(notOnce([...accounts(50), 'alice'])).toEqual([]);
  });

  /** BullMQ moves a job after its outcome is known. */
  async function mustFail(broadcasts: MimcBroadcastQueue, failure: object): Promise<void> {
    const expected = [{ outcome: 'unknown', ...failure }];
    await eventually(async () => expect(await failuresOf(broadcasts, 'b')).toMatchObject(expected));
  }

  /** Of a broadcast to 50 the first request was received, and of a push, when their worker died. */
  async function killedInFlight(delivery: 'at-most-once' | 'at-least-once'): Promise<QueueApp> {
    const app = await boot({ delivery });
    const answer = mimc.faultWhen(() => true, { kind: 'hang' });
    const dying = await worker({ concurrency: 1 });
    await app.broadcasts.enqueue({ id: 'b', message, audience: accounts(50) });
    await app.pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    await eventually(() => expect([mimc.count('user-0'), mimc.count('alice')]).toEqual([1, 1]));
    await dying.kill();
    answer();
    return app;
  }
});

describe('a worker that is halted beyond its lock', () => {
  it('sends nobody a message twice when it comes back, and works on', async () => {
    const { broadcasts, pushes } = await boot();
    const limiter = limiterOf(100);
    const permit = await limiter.acquire('accounts', 100, { lane: 'interactive' });
    const halted = await worker({ accountsPerSecond: 100 });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(200) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    await eventually(async () => expect(await activeJobs('broadcast.b')).toBe(4));
    await eventually(async () => expect(await activeJobs('pushes')).toBe(1));
    await halted.halt();
    permit.cancel();
    await limiter.close();
    const other = await boot({ worker: true }, paced(100));
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 200, unknown: 0 } });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    await other.close();
    halted.resume();
    // It has looked at all that it held before it is done with this.
    const others = accounts(100).map((account) => `other-${account}`);
    await broadcasts.enqueue({ id: 'c', message, audience: others });
    await expect(endOf(broadcasts, 'c')).resolves.toMatchObject({ counts: { accepted: 100 } });
    expect(notOnce([...accounts(200), 'alice', ...others])).toEqual([]);
  });

  it('with requests in flight has them reported as unknown until it comes back, and not sent by anybody else', async () => {
    const { broadcasts, pushes } = await boot();
    const answer = mimc.faultWhen(() => true, { kind: 'delay', ms: 200 });
    const halted = await worker({ concurrency: 1 });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(50) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    await eventually(() => expect(mimc.count('user-0')).toBe(1));
    await halted.halt();
    answer();
    await boot({ worker: true });
    const end = await endOf(broadcasts, 'b');
    expect(end?.counts.unknown).toBeLessThanOrEqual(10);
    expect(end?.counts.accepted).toBe(50 - (end?.counts.unknown ?? 0));
    expect(['accepted', 'unknown']).toContain((await pushes.wait('p')).state);
    halted.resume();
    await broadcasts.enqueue({ id: 'c', message, audience: ['bob'] });
    await endOf(broadcasts, 'c');
    // It knows what came of them, and says so.
    await eventually(async () => {
      await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 50, unknown: 0 } });
    });
    expect(notOnce([...accounts(50), 'alice', 'bob'])).toEqual([]);
  });
});

describe('a producer that dies', () => {
  it('while it enqueues has sent to nobody, and once started again everybody gets it once', async () => {
    const size = 6_000;
    const { broadcasts } = await boot({ worker: true, concurrency: 16 });
    const readAt = async () => (await broadcasts.get('produced'))?.counts.read ?? 0;
    for (const killAt of [2_000, 4_000]) {
      const dying = await producer({ adds: 'a broadcast', size, hangAt: killAt + 500 });
      dying.tell('go');
      await eventually(async () => expect(await readAt()).toBeGreaterThanOrEqual(killAt), START_MS);
      await dying.kill();
      await expect(broadcasts.get('produced')).resolves.toMatchObject({ state: 'enqueuing', counts: { accepted: 0 } });
    }
    expect(mimc.requests).toEqual([]);
    const last = await producer({ adds: 'a broadcast', size });
    await expect(last.ask('go')).resolves.toMatchObject({ counts: { read: size } });
    await expect(endOf(broadcasts, 'produced')).resolves.toMatchObject({ counts: { read: size, accepted: size } });
    expect(notOnce(accounts(size))).toEqual([]);
  });

  it('while it adds 1,000 pushes adds them again, and each is sent once', async () => {
    const size = 1_000;
    const { pushes } = await boot({ worker: true, concurrency: 16 });
    for (const killAt of [0, 500]) {
      const dying = await producer({ adds: 'pushes', size, hangAt: killAt + 500 });
      dying.tell('go');
      // Some of them are sent already.
      await eventually(() => expect(mimc.count(`user-${killAt + 50}`)).toBe(1), START_MS);
      await dying.kill();
    }
    const hasty = await producer({ adds: 'pushes', size });
    hasty.tell('go');
    await hasty.kill();
    const last = await producer({ adds: 'pushes', size });
    const sum = (await last.ask('go')) as { added: number; known: number };
    expect(sum.added + sum.known).toBe(size);
    expect(sum.known).toBeGreaterThanOrEqual(600);
    await mustBeSentOnce(pushes, size);
  });

  it('at the same time as another one adds the same pushes changes nothing: each is sent once', async () => {
    const size = 1_000;
    const { pushes } = await boot({ worker: true, concurrency: 16 });
    const both = await Promise.all([1, 2].map(() => producer({ adds: 'pushes', size })));
    const sums = (await Promise.all(both.map((child) => child.ask('go')))) as { added: number; known: number }[];
    expect(sums.map(({ added, known }) => added + known)).toEqual([size, size]);
    expect(sums.reduce((total, { added }) => total + added, 0)).toBe(size);
    await mustBeSentOnce(pushes, size);
  });

  async function mustBeSentOnce(pushes: MimcPushQueue, size: number): Promise<void> {
    for (const id of accounts(size)) expect(await pushes.wait(id)).toMatchObject({ state: 'accepted' });
    expect(notOnce(accounts(size))).toEqual([]);
  }
});

describe('two apps on one Redis', () => {
  it('never send what the other one added, under the same ids', async () => {
    const credentials = { ...secrets, appId: '2882303761517669599' };
    const second = await MimcEmulator.start({ credentials });
    try {
      const one = await boot({ worker: true });
      const two = await boot({ worker: true }, { mimc: { ...credentials, baseUrl: second.url } });
      await one.broadcasts.enqueue({ id: 'b', message: { msg: 'one' }, audience: accounts(300) });
      await two.broadcasts.enqueue({ id: 'b', message: { msg: 'two' }, audience: accounts(200) });
      await one.pushes.toAccount({ toAccount: 'alice', msg: 'one' }, { id: 'p' });
      await two.pushes.toAccount({ toAccount: 'alice', msg: 'two' }, { id: 'p' });
      await expect(endOf(one.broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 300, accepted: 300 } });
      await expect(endOf(two.broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 200, accepted: 200 } });
      for (const { pushes } of [one, two]) await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
      const sent = ({ requests }: MimcEmulator) => new Set(requests.map(({ body }) => (body as { msg: string }).msg));
      expect([sent(mimc), sent(second)]).toEqual([new Set(['one']), new Set(['two'])]);
      expect([mimc.totals.accountsDelivered, second.totals.accountsDelivered]).toEqual([301, 201]);
      expect([mimc.totals.refused, second.totals.refused]).toEqual([0, 0]);
    } finally {
      for (const app of apps.splice(0)) await app.close();
      await second.close();
    }
  });
});

// A Redis that somebody else started cannot be restarted.
(mayStartRedis() ? describe : describe.skip)('a Redis', () => {
  let own: TestRedis;

  beforeEach(async () => {
    own = await startRedis({ persistence: true });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill();
    for (const app of apps.splice(0)) await app.close();
    await own.stop();
  });

  it('that crashes and restarts makes nothing unknown, and loses nobody', async () => {
    // Nobody dies, so that no lock must expire.
    const patient = { redisUrl: own.url, lockMs: 10_000 };
    const { broadcasts, pushes } = await boot({ connection: own.url });
    mimc.faultWhen(() => true, { kind: 'delay', ms: 20 });
    await Promise.all([worker(patient), worker(patient)]);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(3_000) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    for (const sent of [50, 1_000]) {
      await eventually(() => expect(mimc.totals.accountsDelivered).toBeGreaterThan(sent));
      await own.kill();
      await own.restart();
    }
    await eventually(async () => {
      await expect(broadcasts.get('b')).resolves.toMatchObject({
        state: 'done',
        counts: { accepted: 3_000, unknown: 0 },
      });
    }, 90_000);
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    expect(notOnce([...accounts(3_000), 'alice'])).toEqual([]);
  });

  it('that is full pauses, cancels and says so, and continues once it has room', async () => {
    const admin = new Redis(own.url);
    const { broadcasts, pushes } = await boot({ connection: own.url, worker: true });
    mimc.faultWhen(() => true, { kind: 'delay', ms: 50 });
    for (const id of ['b', 'c']) await broadcasts.enqueue({ id, message, audience: accounts(2_000) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p', sendAt: new Date(Date.now() + 600_000) });
    await eventually(() => expect(mimc.requests.length).toBeGreaterThan(10));
    await admin.config('SET', 'maxmemory', 1);
    await expect(broadcasts.pause('b')).resolves.toMatchObject({ state: 'paused' });
    await expect(broadcasts.cancel('c')).resolves.toMatchObject({ state: 'cancelled' });
    await expect(broadcasts.list()).resolves.toHaveLength(2);
    await expect(pushes.get('p')).resolves.toMatchObject({ state: 'scheduled' });
    const refused = broadcasts.enqueue({ id: 'd', message, audience: accounts(10) });
    await expect(refused).rejects.toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent' });
    await admin.config('SET', 'maxmemory', 0);
    admin.disconnect();
    await broadcasts.resume('b');
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 2_000 } });
    const { counts } = (await endOf(broadcasts, 'c')) ?? {};
    expect(counts).toMatchObject({ unknown: 0, pending: 0 });
    expect(mimc.totals.accountsDelivered).toBe(2_000 + (counts?.accepted ?? NaN));
  });

  it('that refuses to pause a broadcast leaves nobody without an outcome', async () => {
    const admin = new Redis(own.url);
    const { broadcasts, log } = await boot({ connection: own.url, worker: true, concurrency: 1 });
    const { appSecret } = mimc.credentials;
    mimc.rotateCredentials({ appSecret: 'another one' });
    const answer = mimc.faultWhen(() => true, { kind: 'delay', ms: 3_000 });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(50) });
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    await admin.call('ACL', 'SETUSER', 'default', '-smove');
    await eventually(() => expect(log.join()).toContain('trouble with Redis'));
    answer();
    mimc.rotateCredentials({ appSecret });
    await admin.call('ACL', 'SETUSER', 'default', '+smove');
    admin.disconnect();
    await eventually(async () => {
      // Requests that were refused before may have paused it.
      await broadcasts.resume('b');
      await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 50 } });
    });
    expect(notOnce(accounts(50))).toEqual([]);
  });
});

/** Jobs that workers have. */
async function activeJobs(name: string): Promise<number> {
  const queue = new Queue(name, { connection: client, prefix: `{${prefix}:${secrets.appId}}` });
  try {
    return await queue.getActiveCount();
  } finally {
    await queue.close();
  }
}
