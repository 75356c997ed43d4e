import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inPages, MimcBroadcastMessage, MimcBroadcastService, TopicId } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { bootPush, PushApp } from '../support/push-app.js';

const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);

/** Of which the entry 20 cannot be read. */
const brokenPage = () =>
  Object.defineProperty(accounts(25), 20, {
    get: () => {
      throw new RangeError('no such row');
    },
  });

/** Gives the pages one after the other, then throws if configured to, and counts how often it was released. */
class Source implements AsyncIterable<string[]> {
  released = 0;

  constructor(
    private readonly pages: readonly string[][],
    private readonly failure?: Error,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<string[]> {
    const pages = this.pages.values();
    return {
      next: async () => {
        const page = pages.next();
        if (page.done && this.failure) throw this.failure;
        return page;
      },
      return: async () => {
        this.released += 1;
        return { done: true, value: undefined };
      },
    };
  }
}

describe('the audience of a broadcast', () => {
  let mimc: MimcEmulator;
  let app: PushApp;
  let broadcasts: MimcBroadcastService;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, quota: false });
    broadcasts = app.broadcasts;
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  const message = { msg: 'hello' };

  it('is not released when it came to its end, or threw', async () => {
    const whole = new Source([accounts(25), accounts(5)]);
    await expect(broadcasts.toAccounts(inPages(whole), message).drain()).resolves.toMatchObject({ accepted: 30 });
    const broken = new Source([accounts(25)], new Error('the cursor is gone'));
    await expect(broadcasts.toAccounts(inPages(broken), message).drain()).resolves.toMatchObject({
      accepted: 20,
      stoppedBy: 'source-error',
      error: broken['failure'],
    });
    expect([whole.released, broken.released]).toEqual([0, 0]);
  });

  it('is released once when it is left in the midst of a page', async () => {
    const source = new Source([accounts(1_000), accounts(1_000)]);
    const broadcast = broadcasts.toAccounts(inPages(source), message, { concurrency: 1 });
    for await (const { ok } of broadcast) if (ok) break;
    expect(source.released).toBe(1);
    expect(broadcast.progress.read).toBeLessThanOrEqual(30);
  });

  it('is released when it is a page that throws, and those before are sent to', async () => {
    const source = new Source([brokenPage(), accounts(5)]);
    const broadcast = broadcasts.toAccounts(inPages(source), message);
    const summary = await broadcast.drain();
    expect(summary).toMatchObject({ accepted: 20, stoppedBy: 'source-error', error: new RangeError('no such row') });
    expect(source.released).toBe(1);
    expect(broadcast.checkpoint).toEqual({ watermark: 20, ranges: [] });
  });

  it('cannot hold up the end when a page threw and it never says that it is released', async () => {
    const source = new Source([brokenPage()]);
    const entries = source[Symbol.asyncIterator]();
    const silent = {
      [Symbol.asyncIterator]: () => ({ ...entries, return: () => new Promise<never>(() => undefined) }),
    };
    const summary = await broadcasts.toAccounts(inPages(silent), message).drain();
    expect(summary).toMatchObject({ accepted: 20, stoppedBy: 'source-error', error: new RangeError('no such row') });
  });

  it('gets the message as it was when the broadcast was made', async () => {
    const changing: MimcBroadcastMessage = { msg: 'first' };
    const broadcast = broadcasts.toAccounts(accounts(2), changing);
    changing.msg = 'second';
    await broadcast.drain();
    expect(mimc.inbox('user-1')).toMatchObject([{ msg: 'first' }]);
  });

  it('is sent the very bodies that toAccounts and toTopics send', async () => {
    const text = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' });
    const account = text.filter((name) => !/[\p{Cc}\u2028\u2029\uFEFF]/u.test(name));
    const fields = fc.record(
      {
        msg: text,
        fromAccount: account,
        fromResource: text,
        msgType: fc.constant('' as const),
        isStore: fc.boolean(),
        bizType: fc.string({ unit: 'binary' }),
      },
      { requiredKeys: ['msg'] },
    );
    const topic: fc.Arbitrary<TopicId> = fc.oneof(fc.bigInt(1n, 2n ** 63n - 1n), fc.integer({ min: 1 }));
    const people = fc.array(account, { minLength: 1, maxLength: 9 });
    const groups = fc.array(topic, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fields, people, groups, async (dto, toAccounts, topicIds) => {
        mimc.clear();
        await app.push.toAccounts({ ...dto, toAccounts });
        await broadcasts.toAccounts(toAccounts, dto).drain();
        await app.push.toTopics({ ...dto, topicIds });
        await broadcasts.toTopics(topicIds, dto).drain();
        const [one, same, other, sameAgain] = mimc.requests.map(({ rawBody }) => rawBody);
        expect([same, sameAgain]).toEqual([one, other]);
        expect(mimc.requests).toHaveLength(4);
      }),
      { numRuns: 60 },
    );
  });
});
