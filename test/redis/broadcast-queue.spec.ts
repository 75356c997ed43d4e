import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { MimcBroadcastQueue, MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';
import type { QueueAppOptions } from './queue-app.js';
import { accounts, endOf, failuresOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };

describe('the broadcast queue', () => {
  const queues = useQueues();
  let mimc: MimcEmulator;
  let prefix = '';

  beforeEach(() => void ({ mimc, prefix } = queues));

  const boot = async (options?: QueueAppOptions) => (await queues.boot(options)).broadcasts;
  const producer = () => boot({ queue: { worker: false } });
  const until = async (broadcasts: MimcBroadcastQueue, id: string, holds: (now: MimcQueuedBroadcast) => boolean) => {
    for await (const now of broadcasts.watch(id, { intervalMs: 10 })) if (holds(now)) return now;
    throw new Error('The broadcast ended before');
  };
  const countsOf = (people: readonly string[]) => people.map((account) => mimc.count(account));
  const once = (count: number) => Array.from({ length: count }, () => 1);

  it('sends to everybody once, and says so', async () => {
    const broadcasts = await boot();
    const enqueued = await broadcasts.enqueue({ id: 'b', message, audience: accounts(1_234) });
    expect(enqueued).toMatchObject({ id: 'b', kind: 'accounts', counts: { read: 1_234 } });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({
      state: 'done',
      ended: true,
      counts: { read: 1_234, accepted: 1_234, refused: 0, notSent: 0, unknown: 0, invalid: 0, pending: 0 },
    });
    expect(countsOf(accounts(1_234))).toEqual(once(1_234));
    expect(mimc.requests.length).toBe(124);
    await expect(failuresOf(broadcasts, 'b')).resolves.toEqual([]);
  });

  it('sends to topics by their exact ids', async () => {
    const broadcasts = await boot();
    const topics = [9007199254740993n, '9223372036854775807', 7, 8, 9];
    await broadcasts.enqueue({ id: 'b', kind: 'topics', message, audience: topics });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ kind: 'topics', counts: { accepted: 5 } });
    expect(topics.map((id) => mimc.topicInbox(id).length)).toEqual(once(5));
    expect(mimc.requests).toHaveLength(2);
  });

  it('sends by workers of other processes what a producer enqueues, and shares one broadcast among them', async () => {
    const broadcasts = await producer();
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(500) });
    expect(mimc.requests).toHaveLength(0);
    await boot();
    await boot();
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 500 } });
    expect(countsOf(accounts(500))).toEqual(once(500));
  });

  it('of nobody ends at once', async () => {
    const broadcasts = await producer();
    await expect(broadcasts.enqueue({ id: 'b', message, audience: [] })).resolves.toMatchObject({
      state: 'done',
      ended: true,
    });
  });

  it('sends nothing before the whole audience is known, and completes one that broke off', async () => {
    const broadcasts = await boot();
    const broken = (function* () {
      yield* accounts(7_777);
      throw new Error('The cursor broke');
    })();
    await expect(broadcasts.enqueue({ id: 'b', message, audience: broken })).rejects.toThrow('The cursor broke');
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'enqueuing', counts: { accepted: 0 } });
    expect(mimc.requests).toHaveLength(0);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(8_000) });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 8_000, accepted: 8_000 } });
    await expect(broadcasts.enqueue({ id: 'b', message, audience: accounts(8_000) })).resolves.toMatchObject({
      state: 'done',
    });
    expect(countsOf(accounts(8_000))).toEqual(once(8_000));
  });

  it('refuses an audience that differs from the one that the id means, before and after it is complete', async () => {
    const broadcasts = await boot();
    const broken = (function* () {
      yield* accounts(3_000);
      throw new Error('The cursor broke');
    })();
    await expect(broadcasts.enqueue({ id: 'b', message, audience: broken })).rejects.toThrow('The cursor broke');
    const without = accounts(4_000).filter((_, index) => index !== 5);
    const other = { code: 'MIMC_INVALID', violations: [{ field: 'audience', rule: 'sameAudience' }] };
    await expect(errorOf(broadcasts.enqueue({ id: 'b', message, audience: without }))).resolves.toMatchObject(other);
    expect(mimc.requests).toHaveLength(0);
    await broadcasts.cancel('b');

    await broadcasts.enqueue({ id: 'c', message, audience: accounts(100) });
    await endOf(broadcasts, 'c');
    const longer = broadcasts.enqueue({ id: 'c', message, audience: accounts(101) });
    await expect(errorOf(longer)).resolves.toMatchObject(other);
    expect(mimc.requests).toHaveLength(10);
  });

  it('takes the same audience from two producers at the same time once', async () => {
    const [one, other] = [await producer(), await producer()];
    const enqueue = (each: MimcBroadcastQueue) => each.enqueue({ id: 'b', message, audience: accounts(2_000) });
    const results = await Promise.allSettled([one, other].map(enqueue));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    await boot({ queue: { concurrency: 16 } });
    await expect(endOf(one, 'b')).resolves.toMatchObject({ counts: { read: 2_000, accepted: 2_000 } });
    expect(countsOf(accounts(2_000))).toEqual(once(2_000));
  });

  it('joins the producer that completes the same audience first, also when that is being sent already', async () => {
    const [first, second] = [await producer(), await producer()];
    let lead: () => void = () => undefined;
    const isAhead = new Promise<void>((resolve) => (lead = resolve));
    const late = (async function* () {
      yield* accounts(2_500);
      await isAhead;
      yield* accounts(5_000).slice(2_500);
    })();
    const joined = second.enqueue({ id: 'b', message, audience: late });
    await eventually(async () => expect((await second.get('b'))?.counts.read).toBeGreaterThan(0));
    await first.enqueue({ id: 'b', message, audience: accounts(5_000) });
    await boot({ queue: { concurrency: 16 } });
    await until(first, 'b', ({ counts }) => counts.accepted > 0);
    lead();
    await expect(joined).resolves.toMatchObject({ id: 'b', counts: { read: 5_000 } });
    await expect(endOf(first, 'b')).resolves.toMatchObject({ counts: { read: 5_000, accepted: 5_000 } });
    expect(countsOf(accounts(5_000))).toEqual(once(5_000));
  });

  it('refuses other options under the same id, names them, and lets the times of the first call stand', async () => {
    const broadcasts = await producer();
    const window = { from: '09:00', to: '21:00', timeZone: 'Asia/Shanghai' };
    const startAt = new Date(Date.now() + 3_600_000);
    const request = { id: 'b', message, audience: ['a'], startAt, window, weight: 2 };
    await broadcasts.enqueue(request);
    const reordered = { to: '21:00', timeZone: 'Asia/Shanghai', from: '09:00' };
    const again = { ...request, startAt: new Date(startAt.getTime() + 1_000), window: reordered };
    await expect(broadcasts.enqueue(again)).resolves.toMatchObject({ startAt });
    await expect(broadcasts.enqueue({ id: 'b', message, audience: ['a'] })).resolves.toMatchObject({ weight: 2 });
    const others = { weight: 3, delivery: 'at-least-once', window: { ...window, to: '20:00' } } as const;
    const refused = await errorOf(broadcasts.enqueue({ ...request, ...others }));
    expect(refused).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(refused.violations?.map(({ field, rule }) => [field, rule]).toSorted()).toEqual([
      ['delivery', 'sameOption'],
      ['weight', 'sameOption'],
      ['window', 'sameOption'],
    ]);
  });

  it('gives each of more broadcasts than a process can run at a time its share', async () => {
    const broadcasts = await boot({ queue: { concurrency: 1, chunkSize: 1 } });
    mimc.faultWhen(() => true, { kind: 'delay', ms: 25 });
    const ids = Array.from({ length: 53 }, (_, index) => `b-${index}`);
    for (const id of ids) await broadcasts.enqueue({ id, message, audience: accounts(100) });
    await eventually(async () => {
      const all = await broadcasts.list();
      expect(all.filter(({ counts }) => counts.accepted === 0)).toEqual([]);
    }, 90_000);
    // Nobody had to wait for the end of another one.
    await expect(broadcasts.list({ state: 'done' })).resolves.toEqual([]);
    for (const id of ids) await broadcasts.cancel(id);
  });

  it('refuses to send again once its time is over, and says so', async () => {
    const broadcasts = await producer();
    const expiresAt = new Date(Date.now() + 300);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(20), expiresAt });
    const worker = await boot();
    await expect(endOf(worker, 'b')).resolves.toMatchObject({ ended: true });
    await eventually(() => expect(Date.now()).toBeGreaterThan(expiresAt.getTime()));
    const refused = await errorOf(worker.resend('b', ['expired', 'refused']));
    expect(refused).toMatchObject({ code: 'MIMC_INVALID', violations: [{ field: 'id', rule: 'isNotExpired' }] });
    expect(refused.message).toContain(expiresAt.toISOString());
  });

  it('counts recipients as unknown whose jobs Redis lost, and ends', async () => {
    const broadcasts = await producer();
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(300) });
    const [list = ''] = await queues.client.keys(`{${prefix}:*broadcast.b:wait`);
    await queues.client.ltrim(list, 10, -1);
    await boot();
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({
      state: 'done',
      counts: { read: 300, accepted: 200, unknown: 100, pending: 0 },
    });
  });

  it('refuses another message under the same id, and what no push takes', async () => {
    const broadcasts = await producer();
    await broadcasts.enqueue({ id: 'b', message, audience: ['a'] });
    const audience = ['a'];
    const other = await errorOf(broadcasts.enqueue({ id: 'b', message: { msg: 'bye' }, audience }));
    expect(other).toMatchObject({ code: 'MIMC_INVALID', violations: [{ field: 'id', rule: 'sameMessage' }] });
    const topics = await errorOf(broadcasts.enqueue({ id: 'b', kind: 'topics', message, audience: ['7'] }));
    expect(topics.violations).toMatchObject([{ field: 'id' }]);
    const wrong = await errorOf(broadcasts.enqueue({ id: 'c/d', message: { msg: '' }, audience: 'ab' as never }));
    expect(wrong.violations?.map(({ field }) => field)).toEqual(['msg', 'id', 'audience']);
    await expect(broadcasts.get('c/d')).resolves.toBeUndefined();
  });

  it('reports entries that are not recipients with their offset, and sends to the rest', async () => {
    const broadcasts = await boot();
    const audience = ['a', '', 'b', 7, null, 'c', {}] as string[];
    await broadcasts.enqueue({ id: 'b', message, audience });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 7, accepted: 3, invalid: 4 } });
    const failures = await failuresOf(broadcasts, 'b');
    expect(failures.map(({ offset, outcome, recipients }) => [offset, outcome, recipients])).toEqual([
      [1, 'invalid', ['']],
      [3, 'invalid', ['7']],
      [4, 'invalid', ['null']],
      [6, 'invalid', ['an object']],
    ]);
    expect(countsOf(['a', 'b', 'c'])).toEqual([1, 1, 1]);
  });

  it('pauses, resumes and cancels', async () => {
    const broadcasts = await boot({ queue: { concurrency: 2 } });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(3_000) });
    await until(broadcasts, 'b', ({ counts }) => counts.accepted > 0);
    await expect(broadcasts.pause('b')).resolves.toMatchObject({ state: 'paused' });
    // Those in flight finish.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { counts: paused } = (await broadcasts.get('b')) ?? {};
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'paused', counts: paused });
    expect(paused?.pending).toBeGreaterThan(1_000);

    await expect(broadcasts.resume('b')).resolves.toMatchObject({ state: 'running' });
    await until(broadcasts, 'b', ({ counts }) => counts.accepted > (paused?.accepted ?? 0) + 100);
    await broadcasts.cancel('b');
    const end = await endOf(broadcasts, 'b');
    expect(end).toMatchObject({ state: 'cancelled', ended: true, counts: { read: 3_000, pending: 0 } });
    const unsent = (await failuresOf(broadcasts, 'b')).flatMap(({ outcome, recipients }) => {
      expect(outcome).toBe('cancelled');
      return recipients;
    });
    expect(unsent).toHaveLength(end?.counts.notSent ?? 0);
    const left = new Set(unsent);
    expect(countsOf(accounts(3_000))).toEqual(accounts(3_000).map((account) => (left.has(account) ? 0 : 1)));
    await expect(broadcasts.resume('b')).resolves.toMatchObject({ state: 'cancelled' });
    await expect(broadcasts.pause('nobody')).resolves.toBeUndefined();
  });

  it('reports what was refused, and what may have been sent, with its recipients', async () => {
    const broadcasts = await boot({ mimc: { timeouts: { responseMs: 200 } }, queue: { concurrency: 1 } });
    mimc.failNext([{ kind: 'code', code: 403, message: 'no' }, { kind: 'hang' }]);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(40) });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({
      state: 'done',
      counts: { accepted: 20, refused: 10, unknown: 10, notSent: 0 },
    });
    const failures = await failuresOf(broadcasts, 'b');
    expect(failures).toMatchObject([
      {
        offset: 0,
        outcome: 'refused',
        code: 'MIMC_API',
        apiCode: 403,
        recipients: accounts(10),
        callId: expect.any(String),
      },
      { offset: 10, outcome: 'unknown', code: 'MIMC_TIMEOUT', recipients: accounts(20).slice(10) },
    ]);
  });

  it('waits while MIMC is away, and continues by itself', async () => {
    const { port } = mimc;
    await mimc.close();
    const broadcasts = await boot({ queue: { stopAfterConsecutiveFailures: 1 } });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(200) });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'running', counts: { pending: 200 } });
    mimc = await MimcEmulator.start({ credentials: secrets, port });
    queues.closeWith(() => mimc.close());
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 200 } });
    expect(countsOf(accounts(200))).toEqual(once(200));
  });

  it('pauses when the credentials are refused, loses nobody by it, and continues when it is resumed', async () => {
    const broadcasts = await boot({ mimc: { appSecret: 'wrong' } });
    await boot({ mimc: { appSecret: 'wrong' } });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(2_000) });
    const paused = await until(broadcasts, 'b', ({ state }) => state === 'paused');
    expect(paused.pausedBy).toMatchObject({ code: 'MIMC_AUTH' });
    await queues.close();
    const fixed = await boot();
    await expect(fixed.get('b')).resolves.toMatchObject({ state: 'paused', counts: { pending: 2_000 } });
    await expect(fixed.resume('b')).resolves.not.toHaveProperty('pausedBy');
    await expect(endOf(fixed, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 2_000 } });
    expect(countsOf(accounts(2_000))).toEqual(once(2_000));
  });

  it('pauses after too many failures in a row, sends again to those on request, and continues', async () => {
    const allow = mimc.faultWhen(() => true, { kind: 'code', code: 403, message: 'no' });
    const broadcasts = await boot({ queue: { concurrency: 2 } });
    await boot({ queue: { concurrency: 2 } });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(500) });
    const paused = await until(broadcasts, 'b', ({ state }) => state === 'paused');
    expect(paused.pausedBy).toMatchObject({ code: 'MIMC_API' });
    await eventually(async () => {
      const { counts } = (await broadcasts.get('b')) ?? {};
      expect(counts?.refused).toBe(10 * mimc.requests.length);
    });
    const refused = 10 * mimc.requests.length;
    expect(refused).toBeLessThan(150);
    allow();
    await broadcasts.resume('b');
    const end = await endOf(broadcasts, 'b');
    expect(end?.counts).toMatchObject({ read: 500, refused, pending: 0 });
    await expect(broadcasts.resend('b', ['refused'])).resolves.toBe(refused);
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({
      state: 'done',
      counts: { accepted: 500, refused: 0 },
    });
    expect(countsOf(accounts(500))).toEqual(once(500));
  });

  it('sends at once to those whom a cancellation left, on request', async () => {
    const broadcasts = await boot({ queue: { concurrency: 2 } });
    await boot({ queue: { concurrency: 2 } });
    mimc.failNext({ kind: 'delay', ms: 100 }, 4);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(500) });
    await broadcasts.cancel('b');
    const end = await endOf(broadcasts, 'b');
    expect(end?.counts.notSent).toBeGreaterThan(0);
    await expect(broadcasts.resend('b', ['cancelled'])).resolves.toBe(end?.counts.notSent);
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 500 } });
    expect(countsOf(accounts(500))).toEqual(once(500));
  });

  it('hands back what waits at shutdown, finishes what is in flight, and leaves nothing unknown', async () => {
    const broadcasts = await producer();
    const worker = await queues.boot({ queue: { concurrency: 4 } });
    mimc.failNext({ kind: 'delay', ms: 300 }, 4);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(1_000) });
    await eventually(() => expect(mimc.requests.length).toBeGreaterThanOrEqual(4));
    await worker.close();
    const { counts } = (await broadcasts.get('b')) ?? {};
    expect(counts).toMatchObject({ unknown: 0, notSent: 0 });
    expect(counts?.accepted).toBe(10 * mimc.requests.length);
    await boot();
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 1_000 } });
    expect(countsOf(accounts(1_000))).toEqual(once(1_000));
  });

  it('hands back at shutdown what waits for the end of a backoff', async () => {
    // It outlasts the test: another process sends only what is handed back.
    const queue = { lockMs: 600_000 };
    const first = await queues.boot({ queue });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '600' }, 2);
    await first.broadcasts.enqueue({ id: 'b', message, audience: ['alice'] });
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    await first.pushes.toTopic({ topicId: '1', msg: 'hello' }, { id: 'p' });
    await eventually(() => expect(mimc.requests).toHaveLength(2));
    await eventually(async () => expect(await first.pushes.get('p')).toMatchObject({ state: 'waiting' }));
    await first.close();
    const second = await queues.boot({ queue });
    await expect(endOf(second.broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 1 } });
    await expect(second.pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
  });

  it('keeps no credential in Redis, and forgets a broadcast some time after its end', async () => {
    const broadcasts = await boot({ queue: { retentionMs: 1_000, concurrency: 1 } });
    mimc.failNext([
      { kind: 'code', code: 403, message: `${secrets.appSecret} is wrong` },
      { kind: 'reset', when: 'after-read' },
    ]);
    await broadcasts.enqueue({ id: 'b', message, audience: [...accounts(500), ''] });
    await until(broadcasts, 'b', ({ counts }) => counts.accepted > 0);
    const seen: string[] = [];
    const look = async () => {
      for (const key of await queues.client.keys(`{${prefix}:*`)) seen.push(await dumpOf(queues.client, key));
    };
    await look();
    await endOf(broadcasts, 'b');
    await look();
    expect(seen.join('\n')).toContain('user-499');
    for (const secret of [secrets.appKey, secrets.appSecret]) expect(seen.join('\n')).not.toContain(secret);
    await eventually(async () => expect(await broadcasts.get('b')).toBeUndefined());
    await eventually(async () => expect(await queues.client.keys(`{${prefix}:*broadcast.b:*`)).toEqual([]));
    await expect(queues.client.keys(`{${prefix}:*broadcast:b`)).resolves.toEqual([]);
  });
});

/** What a key holds, as text. */
async function dumpOf(client: Redis, key: string): Promise<string> {
  switch (await client.type(key)) {
    case 'string':
      return `${key} ${await client.get(key)}`;
    case 'hash':
      return `${key} ${JSON.stringify(await client.hgetall(key))}`;
    case 'list':
      return `${key} ${JSON.stringify(await client.lrange(key, 0, -1))}`;
    case 'set':
      return `${key} ${JSON.stringify(await client.smembers(key))}`;
    case 'zset':
      return `${key} ${JSON.stringify(await client.zrange(key, '0', '-1'))}`;
    case 'stream':
      return `${key} ${JSON.stringify(await client.xrange(key, '-', '+'))}`;
    default:
      return key;
  }
}
