import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { type MimcBroadcastQueue, RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import type { MimcEmulator } from 'nestjs-mimc/testing';
import { COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { eventually } from '../support/eventually.js';
import { secrets } from '../support/push-app.js';
import type { QueueApp, QueueAppOptions } from './queue-app.js';
import { LOCK_MS, startWorker } from './queue-processes.js';
import { accounts, endOf, failuresOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };
const queues = useQueues({ lockMs: LOCK_MS, worker: false });
const { boot } = queues;
const worker = (more?: Parameters<typeof startWorker>[1]) => startWorker(queues, more);
let mimc: MimcEmulator;

beforeAll(compileProcesses, COMPILE_MS);
beforeEach(() => void ({ mimc } = queues));

/** The limiter of another process that shares the quota. */
function limiterOf(accountsPerSecond: number): RedisMimcRateLimiter {
  const { redis, prefix } = queues;
  return new RedisMimcRateLimiter({ connection: redis.url, app: secrets.appId, prefix, accountsPerSecond });
}

function paced(accountsPerSecond: number): QueueAppOptions {
  return { mimc: { quota: { accountsPerSecond }, limiter: limiterOf(accountsPerSecond) } };
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
    await boot({ queue: { worker: true }, ...paced(10) });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 40, unknown: 0 } });
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    expect(notOnce([...accounts(40), 'alice'])).toEqual([]);
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(10);
  });

  it('with a request in flight leaves exactly that unknown with at-most-once', async () => {
    const { broadcasts, pushes } = await killedInFlight('at-most-once');
    await boot({ queue: { worker: true } });
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
    await boot({ queue: { worker: true } });
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
    await boot({ queue: { worker: true } });
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
    const app = await boot({ queue: { delivery } });
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
    const other = await boot({ queue: { worker: true }, ...paced(100) });
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
    await boot({ queue: { worker: true } });
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

/** Jobs that workers have. */
async function activeJobs(name: string): Promise<number> {
  const queue = new Queue(name, { connection: queues.client, prefix: `{${queues.prefix}:${secrets.appId}}` });
  try {
    return await queue.getActiveCount();
  } finally {
    await queue.close();
  }
}
