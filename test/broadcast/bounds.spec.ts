import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inPages, MimcAudience, MimcBroadcastCheckpoint, MimcBroadcastOptions, MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { Dispatcher } from 'undici';
import { eventually } from '../support/eventually.js';
import { bootPush, PushApp } from '../support/push-app.js';

const message = { msg: 'hello' };
const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const never = () => new Promise<never>(() => undefined);
const REPLY = Buffer.from('{"code":200,"data":{"packetIds":["p"]},"message":""}');

/** Answers within the call, so that nothing but the broadcast itself lets others have a turn. */
const atOnce = {
  dispatch(_options: unknown, handler: Required<Dispatcher.DispatchHandler>) {
    const controller = { abort() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart(controller, {});
    handler.onResponseStart(controller, 200, {}, 'OK');
    handler.onResponseData(controller, REPLY);
    handler.onResponseEnd(controller, {});
    return true;
  },
  close: async () => undefined,
  destroy: async () => undefined,
} as unknown as NonNullable<MimcModuleOptions['dispatcher']>;

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

/** The same entry again and again. */
const endless = <T>(entry: T): Iterable<T> => ({
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: entry }) }),
});
async function* endlessly<T>(entry: T): AsyncGenerator<T> {
  for (;;) yield entry;
}

describe('an audience', () => {
  let mimc: MimcEmulator;
  let app: PushApp;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, quota: false });
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  const broadcast = (audience: unknown, options?: MimcBroadcastOptions<string>) =>
    app.broadcasts.toAccounts(audience as MimcAudience<string>, message, options);

  it.each<[string, unknown, MimcBroadcastOptions<string>]>([
    ['invalid entries', endless(7), {}],
    ['invalid entries that it waits for', endlessly(7), {}],
    ['pages of invalid entries', inPages(endless(Array<string>(100_000))), {}],
    ['empty pages', inPages(endlessly([])), {}],
    ['duplicates', endless('alice'), { dedupeWindow: 1 }],
    ['settled recipients', endless('alice'), { resume: { watermark: Number.MAX_SAFE_INTEGER, ranges: [] } }],
    ['recipients that are sent to at once', endless('alice'), {}],
  ])('of %s lets others have their turn, and ends at its signal', async (_name, entries, options) => {
    await app.close();
    app = await bootPush({ quota: false, dispatcher: atOnce });
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const controller = new AbortController();
    // On a turn of the loop, of which a starved one has none.
    void eventually(() => expect(turns).toBeGreaterThan(3)).then(() => controller.abort());
    const summary = await broadcast(entries, { ...options, signal: controller.signal }).drain();
    clearInterval(timer);
    expect(summary.stoppedBy).toBe('abort');
  });

  it.each<[string, () => unknown]>([
    ['never answers when it is released', () => ({ next: async () => ({ done: false, value: 'a' }), return: never })],
    [
      'throws when it is released',
      () => ({
        next: async () => ({ done: false, value: 'a' }),
        return: () => {
          throw new RangeError('gone');
        },
      }),
    ],
    ['owes an entry and never answers', () => ({ next: never, return: never })],
  ])('that %s cannot hold up the end', async (_name, iterator) => {
    const summary = await broadcast({ [Symbol.asyncIterator]: iterator }, { signal: AbortSignal.timeout(20) }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'abort' });
  });

  it.each<[string, unknown, MimcBroadcastOptions<string>]>([
    ['an audience', { [Symbol.asyncIterator]: () => ({ next: never }) }, {}],
    ['a hook', accounts(30), { beforeChunk: never }],
  ])('is left at a shutdown, though %s never answers', async (_name, entries, options) => {
    const summary = broadcast(entries, options).drain();
    await sleep(20);
    await app.close();
    expect(await summary).toMatchObject({ stoppedBy: 'abort', error: { code: 'MIMC_CLOSED' }, accepted: 0 });
  });

  it('costs the same with a large window of de-duplication', async () => {
    const count = 400_000;
    const resume = { watermark: count, ranges: [] };
    const cpuOf = async (dedupeWindow: number) => {
      const before = process.cpuUsage();
      const summary = await broadcast(accounts(count), { dedupeWindow, resume }).drain();
      expect(summary).toMatchObject({ stoppedBy: 'end', skipped: count });
      return process.cpuUsage(before).user;
    };
    await cpuOf(100);
    // A scan of the window for each recipient costs a hundred times as much.
    expect((await cpuOf(100_000)) / (await cpuOf(100))).toBeLessThan(10);
  });

  it('costs the same with many holes in its checkpoint, which may be taken at every chunk', async () => {
    await app.close();
    app = await bootPush({ quota: false, dispatcher: atOnce });
    const holes = 4_000;
    const ranges = Array.from({ length: holes }, (_, index) => [20 * index + 10, 20 * index + 20] as const);
    const resumed = broadcast(inPages([accounts(20 * holes)]), { resume: { watermark: 0, ranges } });
    const checkpoints: MimcBroadcastCheckpoint[] = [];
    for await (const { ok } of resumed) if (ok) checkpoints.push(resumed.checkpoint);
    expect(checkpoints).toHaveLength(holes);
    // Each as it was when it was taken.
    const settled = ({ watermark, ranges: beyond }: MimcBroadcastCheckpoint) =>
      beyond.reduce((sum, [from, to]) => sum + to - from, watermark);
    for (const at of [0, 1, holes / 2, holes - 1]) {
      const count = settled(checkpoints[at] ?? { watermark: 0, ranges: [] });
      expect(count).toBeGreaterThanOrEqual(10 * holes + 10 * (at + 1));
      expect(count).toBeLessThanOrEqual(10 * holes + 10 * (at + 8));
    }
  });

  it.each<[string, () => unknown, string]>([
    [
      'rows of a parser',
      () =>
        Readable.from([
          ['alice', '1'],
          ['bob', '2'],
        ]),
      'isAccount',
    ],
    [
      'entries of a Map',
      () =>
        new Map([
          ['alice', 'Alice Smith'],
          ['bob', ''],
        ]).entries(),
      'isAccount',
    ],
    ['accounts with a byte order mark, or the rest of a line', () => ['\uFEFFalice', 'bob\r'], 'isAccount'],
    ['text in pieces', () => Readable.from(['alice\nbo', 'b\ncarol']), 'isAccount'],
    ['recipients in place of pages', () => inPages(['alice', 'bob'] as unknown as string[][]), 'isPage'],
    ['bytes in pieces', () => [Buffer.from('alice'), Buffer.from('bob')], 'isAccount'],
  ])('of %s sends to nobody, and names offset and rule', async (_name, entries, rule) => {
    const found = [];
    for await (const outcome of broadcast(entries())) {
      expect(outcome).toMatchObject({ ok: false, error: { code: 'MIMC_INVALID', outcome: 'not-sent' } });
      if (!outcome.ok) found.push(outcome.error.violations?.map(({ field, rule: name }) => [field, name])[0]);
    }
    expect(found).toEqual([
      ['audience[0]', rule],
      ['audience[1]', rule],
    ]);
    expect(mimc.requests).toHaveLength(0);
  });

  it('says of an array how pages are passed', async () => {
    for await (const outcome of broadcast([['alice']])) {
      expect(!outcome.ok && outcome.error.message).toContain('inPages(audience)');
    }
  });

  it.each<[string, () => unknown]>([
    ['a Map', () => new Map([['alice', 'Alice']])],
    ['a Map in pages', () => inPages(new Map([['alice', 'Alice']]))],
    ['a String object', () => Object('alice') as unknown],
    ['bytes', () => new Uint8Array([1, 2])],
    ['a stream of bytes', () => new Readable({ read() {} })],
    ['a stream of text', () => new Readable({ read() {}, encoding: 'utf8' })],
    ['an iterator that is not iterable', () => ({ next: () => ({ done: true, value: undefined }) })],
    ['what cannot be looked at', () => revoked()],
  ])('is refused when it is %s', (_name, entries) => {
    const refusal = expect.objectContaining({
      code: 'MIMC_INVALID',
      violations: [expect.objectContaining({ field: 'audience' })],
    });
    expect(() => broadcast(entries())).toThrow(refusal);
    expect(() => app.broadcasts.toTopics(entries() as MimcAudience<number>, message)).toThrow(refusal);
  });
});
