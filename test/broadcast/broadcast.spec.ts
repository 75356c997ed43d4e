import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  inPages,
  MimcAudience,
  MimcBroadcastCheckpoint,
  MimcBroadcastOptions,
  MimcBroadcastOutcome,
  MimcBroadcastService,
  MimcModule,
  MimcModuleOptions,
  MimcPushService,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';

const message = { msg: 'hello' };
const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a broadcast', () => {
  let mimc: MimcEmulator;
  let broadcasts: MimcBroadcastService;
  let push: MimcPushService;
  let close: () => Promise<void>;

  const boot = async (options: Partial<MimcModuleOptions> = {}) => {
    const given = {
      ...mimc.credentials,
      baseUrl: mimc.url,
      fromAccount: 'news',
      quota: false,
      retry: false,
      ...options,
    };
    const module = await Test.createTestingModule({
      imports: [MimcModule.forRoot(given as MimcModuleOptions)],
    }).compile();
    broadcasts = module.get(MimcBroadcastService);
    push = module.get(MimcPushService);
    close = () => module.close();
  };
  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    await boot();
  });
  afterEach(async () => {
    await close();
    await mimc.close();
  });

  const countsOf = (people: readonly string[]) => people.map((account) => mimc.count(account));
  const all = async <R>(broadcast: AsyncIterable<MimcBroadcastOutcome<R>>) => {
    const outcomes: MimcBroadcastOutcome<R>[] = [];
    for await (const outcome of broadcast) outcomes.push(outcome);
    return outcomes.toSorted((a, b) => a.offset - b.offset);
  };

  it.each<[string, () => MimcAudience<string>]>([
    ['an array', () => accounts(25)],
    ['a set', () => new Set(accounts(25))],
    ['pages', () => inPages([accounts(25).slice(0, 3), [], accounts(25).slice(3)])],
    [
      'a generator',
      function* () {
        yield* accounts(25);
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* accounts(25);
      },
    ],
    ['an object stream', () => Readable.from(accounts(25))],
    ['lines of a byte stream', () => createInterface({ input: Readable.from([Buffer.from(accounts(25).join('\n'))]) })],
  ])('sends to everybody in %s once, in chunks', async (_name, audience) => {
    const broadcast = broadcasts.toAccounts(audience(), message);
    const outcomes = await all(broadcast);
    expect(outcomes.map(({ ok, offset, recipients }) => [ok, offset, recipients.length])).toEqual([
      [true, 0, 10],
      [true, 10, 10],
      [true, 20, 5],
    ]);
    expect(outcomes.flatMap(({ recipients }) => recipients)).toEqual(accounts(25));
    expect(countsOf(accounts(25))).toEqual(accounts(25).map(() => 1));
    expect(broadcast.progress).toMatchObject({ read: 25, accepted: 25, refused: 0, notSent: 0, unknown: 0 });
    expect(broadcast.checkpoint).toEqual({ watermark: 25, ranges: [] });
  });

  it('sends to topics by their exact ids, four at a time', async () => {
    const topics = [9007199254740993n, '9223372036854775807', 7, 8, 9];
    const summary = await broadcasts.toTopics(topics, message).drain();
    expect(summary).toMatchObject({ accepted: 5, stoppedBy: 'end' });
    expect(mimc.topicInbox('9007199254740993')).toHaveLength(1);
    expect(mimc.requests).toHaveLength(2);
  });

  it('of nobody ends at once', async () => {
    await expect(broadcasts.toAccounts([], message).drain()).resolves.toMatchObject({ read: 0, stoppedBy: 'end' });
  });

  it('reads and sends nothing before it is iterated, and runs once', async () => {
    let read = 0;
    const broadcast = broadcasts.toAccounts(
      (function* () {
        read++;
        yield 'a';
      })(),
      message,
    );
    await sleep(20);
    expect(read).toBe(0);
    await broadcast.drain();
    await expect(broadcast.drain()).rejects.toThrow(TypeError);
    expect(mimc.requests).toHaveLength(1);
  });

  it('reads no faster than its outcomes are taken', async () => {
    let read = 0;
    let taken = 0;
    const audience = (function* () {
      for (const account of accounts(10_000)) {
        read++;
        yield account;
      }
    })();
    for await (const { ok } of broadcasts.toAccounts(audience, message, { concurrency: 3 })) {
      expect(ok).toBe(true);
      taken++;
      // What was taken, what is in flight, and the one that the next chunk begins with.
      expect(read).toBeLessThanOrEqual(10 * (taken + 3) + 1);
      if (taken === 200) break;
      if (taken % 50 === 0) await sleep(20);
    }
    expect(taken).toBe(200);
  });

  it('reports entries that are not recipients with their offset, and continues', async () => {
    const audience = [
      ['a', '', 'b', 7, null],
      ['c', undefined],
    ] as string[][];
    const broadcast = broadcasts.toAccounts(inPages(audience), message);
    const outcomes = await all(broadcast);
    const refused = outcomes.filter(({ ok }) => !ok);
    expect(refused.map(({ offset }) => offset)).toEqual([1, 3, 4, 6]);
    expect(refused[0]).toMatchObject({ recipients: [''], error: { code: 'MIMC_INVALID', outcome: 'not-sent' } });
    expect(refused[1]).toMatchObject({ error: { violations: [{ field: 'audience[3]' }] } });
    expect(broadcast.progress).toMatchObject({ read: 7, accepted: 3, invalid: 4 });
    expect(broadcast.checkpoint).toEqual({ watermark: 7, ranges: [] });
  });

  it('stops at an entry that is not a recipient when configured to', async () => {
    const summary = await broadcasts.toAccounts(['a', '', ...accounts(500)], message, { onInvalid: 'stop' }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'source-error', error: { code: 'MIMC_INVALID' }, invalid: 1 });
    expect(summary.read).toBeLessThan(100);
  });

  it('leaves out duplicates within the window, and only those', async () => {
    const audience = ['a', 'b', 'a', 'c', 'd', 'e', 'a'];
    const broadcast = broadcasts.toAccounts(audience, message, { dedupeWindow: 3 });
    const [chunk] = await all(broadcast);
    expect(chunk?.recipients).toEqual(['a', 'b', 'c', 'd', 'e', 'a']);
    expect(broadcast.progress).toMatchObject({ read: 7, accepted: 6, duplicates: 1 });
    expect(broadcast.checkpoint).toEqual({ watermark: 7, ranges: [] });
  });

  it('reports for each chunk what may have become of it', async () => {
    mimc.failNext([
      { kind: 'code', code: 500 },
      { kind: 'reset', when: 'after-read' },
    ]);
    const broadcast = broadcasts.toAccounts(accounts(40), message, { concurrency: 1 });
    const outcomes = await all(broadcast);
    expect(outcomes.map((outcome) => (outcome.ok ? 'accepted' : outcome.error.outcome))).toEqual([
      'refused',
      'unknown',
      'accepted',
      'accepted',
    ]);
    expect(broadcast.progress).toMatchObject({ read: 40, refused: 10, unknown: 10, accepted: 20, notSent: 0 });
    expect(broadcast.checkpoint).toEqual({ watermark: 40, ranges: [] });
  });

  it('ends truthfully when the audience throws', async () => {
    const audience = (async function* () {
      yield* accounts(15);
      throw new Error('the cursor is gone');
    })();
    const broadcast = broadcasts.toAccounts(audience, message);
    const summary = await broadcast.drain();
    expect(summary).toMatchObject({ stoppedBy: 'source-error', read: 15, accepted: 10, notSent: 5 });
    expect(summary.error).toEqual(new Error('the cursor is gone'));
    expect(broadcast.checkpoint).toEqual({ watermark: 10, ranges: [] });
  });

  it('does not fail a million times for a wrong secret', async () => {
    await close();
    await boot({ appSecret: 'wrong' });
    const summary = await broadcasts.toAccounts(accounts(100_000), message, { concurrency: 2 }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'failures', error: { code: 'MIMC_AUTH' }, accepted: 0 });
    expect(mimc.requests.length).toBeLessThan(13);
  });

  it('continues after scattered failures, and without end when configured so', async () => {
    mimc.failNext([
      { kind: 'code', code: 500 },
      { kind: 'delay', ms: 0 },
      { kind: 'code', code: 500 },
    ]);
    const options = { stopAfterConsecutiveFailures: 2, concurrency: 1 };
    expect(await broadcasts.toAccounts(accounts(50), message, options).drain()).toMatchObject({
      stoppedBy: 'end',
      refused: 20,
    });
    mimc.failNext({ kind: 'code', code: 500 }, 30);
    const forever = { stopAfterConsecutiveFailures: false, concurrency: 1 } as const;
    expect(await broadcasts.toAccounts(accounts(300), message, forever).drain()).toMatchObject({
      stoppedBy: 'end',
      refused: 300,
    });
  });

  it('is stopped by its signal: chunks in flight finish, no more are read, and the iteration ends as usual', async () => {
    mimc.failNext({ kind: 'delay', ms: 100 }, 2);
    const controller = new AbortController();
    const options = { signal: controller.signal, concurrency: 2 };
    const broadcast = broadcasts.toAccounts(accounts(1_000), message, options);
    const summary = broadcast.drain();
    await eventually(() => expect(mimc.requests).toHaveLength(2));
    controller.abort();
    expect(await summary).toMatchObject({ stoppedBy: 'abort', accepted: 20, unknown: 0 });
    expect(mimc.requests).toHaveLength(2);
    expect(broadcast.checkpoint).toEqual({ watermark: 20, ranges: [] });
  });

  it('is stopped while its audience is silent', async () => {
    let closed = false;
    const silent = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => {
          closed = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const summary = await broadcasts.toAccounts(silent, message, { signal: AbortSignal.timeout(50) }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'abort', read: 0 });
    expect(closed).toBe(false);
  });

  it('is stopped by leaving the loop, which waits for what is in flight and closes the audience', async () => {
    let closed = false;
    const audience = (function* () {
      try {
        yield* accounts(1_000);
      } finally {
        closed = true;
      }
    })();
    const broadcast = broadcasts.toAccounts(audience, message, { concurrency: 4 });
    for await (const { ok } of broadcast) if (ok) break;
    expect(closed).toBe(true);
    const { read, accepted, notSent } = broadcast.progress;
    expect(accepted + notSent).toBe(read);
    expect(mimc.totals.accountsDelivered).toBe(accepted);
    await sleep(50);
    expect(mimc.totals.accountsDelivered).toBe(accepted);
  });

  it('is stopped although a hook never answers', async () => {
    const beforeChunk = () => new Promise<void>(() => undefined);
    const options = { beforeChunk, signal: AbortSignal.timeout(50) };
    const summary = await broadcasts.toAccounts(accounts(30), message, options).drain();
    expect(summary).toMatchObject({ stoppedBy: 'abort', read: 30, notSent: 30 });
    expect(mimc.requests).toHaveLength(0);
  });

  it('lets others have a turn while it leaves out a long run of duplicates', async () => {
    const audience = (function* () {
      for (;;) yield 'alice';
    })();
    const options = { dedupeWindow: 1, signal: AbortSignal.timeout(50) };
    const summary = await broadcasts.toAccounts(audience, message, options).drain();
    expect(summary).toMatchObject({ stoppedBy: 'abort' });
  });

  it('waits until its audience has released what it holds', async () => {
    let released = false;
    const audience = (async function* () {
      try {
        yield* accounts(1_000);
      } finally {
        await sleep(50);
        released = true;
      }
    })();
    for await (const { ok } of broadcasts.toAccounts(audience, message, { concurrency: 1 })) if (ok) break;
    expect(released).toBe(true);
  });

  it('counts nothing that a slow audience gives after the end', async () => {
    let given = 0;
    const audience = (async function* () {
      for (const account of accounts(100)) {
        await sleep(20);
        given++;
        yield account;
      }
    })();
    const options = { signal: AbortSignal.timeout(130), chunkSize: 2 };
    const broadcast = broadcasts.toAccounts(audience, message, options);
    await broadcast.drain();
    const { progress, checkpoint } = broadcast;
    const before = given;
    await sleep(100);
    expect(given).toBe(before);
    expect([broadcast.progress, broadcast.checkpoint]).toEqual([progress, checkpoint]);
    expect(progress.read).toBeLessThanOrEqual(given);
  });

  it('asks before each chunk, and a hook that throws ends it with that chunk unsent', async () => {
    const asked: number[] = [];
    const beforeChunk: MimcBroadcastOptions<string>['beforeChunk'] = async ({ offset, recipients }) => {
      expect(recipients).toHaveLength(10);
      asked.push(offset);
      if (offset === 20) throw new Error('not now');
    };
    const summary = await broadcasts.toAccounts(accounts(100), message, { beforeChunk, concurrency: 1 }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'abort', accepted: 20, notSent: 10, error: new Error('not now') });
    expect(asked).toEqual([0, 10, 20]);
  });

  it('stops when the application shuts down, and says from where to continue', async () => {
    mimc.failNext({ kind: 'delay', ms: 100 });
    const broadcast = broadcasts.toAccounts(accounts(1_000), message, { concurrency: 1 });
    const summary = broadcast.drain();
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    await close();
    expect(await summary).toMatchObject({ stoppedBy: 'abort', error: { code: 'MIMC_CLOSED' }, accepted: 10 });
    expect(broadcast.checkpoint.watermark).toBe(10);
  });

  it('keeps to the quota, and a single push waits little next to it', async () => {
    await close();
    await boot({ quota: { accountsPerSecond: 50 } });
    const begin = performance.now();
    const broadcast = broadcasts.toAccounts(accounts(200), message).drain();
    await eventually(() => expect(push.status().accounts.queued).toBeGreaterThan(1));
    const single = await push.toAccount({ toAccount: 'alice', ...message });
    await broadcast;
    expect(performance.now() - begin).toBeGreaterThan(2_990);
    expect(single.timing.queuedMs).toBeLessThan(2_000);
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(50);
  });

  it('waits next to a full queue, whatever fills it, and does not fill one itself', async () => {
    await close();
    await boot({ quota: { accountsPerSecond: 20, maxQueued: 3 }, deadlineMs: 60_000 });
    const bulk = { priority: 'bulk' } as const;
    const flood = Array.from({ length: 30 }, () => push.toAccount({ toAccount: 'alice', ...message }, bulk));
    const ended = Promise.allSettled(flood);
    const broadcast = broadcasts.toAccounts(accounts(40), message, { chunkSize: 4 }).drain();
    await eventually(() => expect(push.status().accounts.queued).toBeGreaterThan(3));
    await expect(push.toAccount({ toAccount: 'bob', ...message })).resolves.toMatchObject({ attempts: 1 });
    expect(await broadcast).toMatchObject({ stoppedBy: 'end', accepted: 40 });
    const refused = (await ended).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(30 - 20 - 3);
  });

  it('waits as long as a penalty lasts, and loses nobody to it', async () => {
    await close();
    await boot({ quota: { accountsPerSecond: 50 }, deadlineMs: 500, retry: { maxAttempts: 2, baseDelayMs: 1 } });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '1' });
    await expect(broadcasts.toAccounts(accounts(30), message).drain()).resolves.toMatchObject({ accepted: 30 });
  });

  it.each(range(5))(
    'resumed from a checkpoint after an abort at a random point reaches everybody once (%i)',
    async (seed) => {
      const people = accounts(400);
      const faults = range(40).map((n) =>
        (n * 7 + seed) % 5 === 0
          ? ({ kind: 'reset', when: 'before-read' } as const)
          : ({ kind: 'delay', ms: n % 3 } as const),
      );
      mimc.failNext(faults);
      const settled: string[] = [];
      let resume: MimcBroadcastCheckpoint | undefined;
      for (let run = 0; run < 20; run++) {
        const options = {
          chunkSize: 3 + ((run + seed) % 7),
          concurrency: 4,
          resume,
          stopAfterConsecutiveFailures: false,
        } as const;
        const broadcast = broadcasts.toAccounts(people, message, options);
        let left = 3 + seed + run * 4;
        for await (const chunk of broadcast) {
          if (chunk.ok || chunk.error.outcome !== 'not-sent') settled.push(...chunk.recipients);
          if (--left === 0) break;
        }
        resume = JSON.parse(JSON.stringify(broadcast.checkpoint)) as MimcBroadcastCheckpoint;
        if (resume.watermark === people.length && resume.outcomes === undefined) break;
      }
      expect(resume).toEqual({ watermark: people.length, ranges: [] });
      // What was reported once is not reported again, and nothing is left out.
      expect(settled.toSorted()).toEqual(people.toSorted());
      expect(Math.max(...countsOf(people))).toBe(1);
    },
  );

  it('estimates what it will take', () => {
    expect(broadcasts.estimate('accounts', 1_000_000)).toEqual({
      requests: 100_000,
      units: 1_000_000,
      earliestFinishMs: 0,
    });
  });

  it.each<[string, unknown, unknown, unknown, string]>([
    ['a string for an audience', 'alice,bob', message, {}, 'audience'],
    ['no audience', undefined, message, {}, 'audience'],
    ['a map', new Map([['alice', 'Alice']]), message, {}, 'audience'],
    ['no message', ['a'], undefined, {}, ''],
    ['a message without msg', ['a'], {}, {}, 'msg'],
    ['a message with recipients', ['a'], { ...message, toAccounts: ['b'] }, {}, 'toAccounts'],
    ['a chunk of none', ['a'], message, { chunkSize: 0 }, 'options.chunkSize'],
    ['an unknown option', ['a'], message, { chunk: 5 }, 'options.chunk'],
    ['a broken checkpoint', ['a'], message, { resume: { watermark: 5, ranges: [[5, 6]] } }, 'options.resume'],
    ['no concurrency', ['a'], message, { concurrency: 0 }, 'options.concurrency'],
    [
      'a wrong limit of failures',
      ['a'],
      message,
      { stopAfterConsecutiveFailures: 0 },
      'options.stopAfterConsecutiveFailures',
    ],
    ['a hook that is none', ['a'], message, { beforeChunk: 'x' }, 'options.beforeChunk'],
    ['a wrong retry', ['a'], message, { retry: { maxAttempts: 0 } }, 'options.retry.maxAttempts'],
  ])('refuses %s before it begins', (_name, audience, wrongMessage, options, field) => {
    const begin = () => broadcasts.toAccounts(audience as string[], wrongMessage as typeof message, options as object);
    expect(begin).toThrow(
      expect.objectContaining({ code: 'MIMC_INVALID', violations: [expect.objectContaining({ field })] }),
    );
  });

  it.each([
    ['a count that is none', Number.NaN, {}, 'count'],
    ['less than nobody', -1, {}, 'count'],
    ['a chunk of none', 5, { chunkSize: 0 }, 'options.chunkSize'],
  ])('estimates nothing for %s', (_name, count, options, field) => {
    expect(() => broadcasts.estimate('accounts', count, options)).toThrow(
      expect.objectContaining({ code: 'MIMC_INVALID', violations: [expect.objectContaining({ field })] }),
    );
  });

  it('refuses a chunk that is heavier than the quota of a second', async () => {
    await close();
    await boot({ quota: {} });
    expect(() => broadcasts.toTopics([7], message, { chunkSize: 21 })).toThrow(/options\.chunkSize/);
    expect(() => broadcasts.estimate('accounts', 5, { chunkSize: 51 })).toThrow(/options\.chunkSize/);
    expect(broadcasts.estimate('accounts', 1_000_000).earliestFinishMs).toBe(19_999_000);
  });
});
