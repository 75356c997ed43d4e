import { afterEach, describe, expect, it } from '@jest/globals';
import { createApp } from '../../apps/console/src/app.factory.js';
import { ConsoleEvents } from '../../apps/console/src/page/console-events.js';
import type { ConsoleLimits } from '../../apps/console/src/page/console-limits.js';
import { readConsoleSettings } from '../../apps/console/src/settings.js';
import { until } from '../support/broadcast-app.js';
import { EventReader } from '../support/event-reader.js';
import { listen, type SampleApp, withMimcEnv } from '../support/sample-app.js';

type Sample = Omit<SampleApp, 'emulator'>;

describe('the events of the console', () => {
  let sample: Sample;
  let readers: EventReader[] = [];

  afterEach(async () => {
    for (const reader of readers) reader.close();
    readers = [];
    await sample.close();
  });

  it('report what is in the inboxes, and then what enters them', async () => {
    await start();
    await push('alice', 'before');
    const reader = await follow();
    expect(reader.response.headers.get('content-type')).toMatch(/^text\/event-stream/);

    const first = await reader.next('messages');
    expect(first?.data).toMatchObject({
      isNew: true,
      missed: 0,
      messages: [{ kind: 'account', to: 'alice', text: 'before' }],
    });
    await sample.post('/push/p2t', { topicId: '21351198708203521', msg: '<b>after</b>', bizType: 'X' }).expect(202);

    const second = await reader.next('messages');
    const topicMessage = {
      kind: 'topic',
      to: '21351198708203521',
      from: 'sample-api',
      text: '<b>after</b>',
      bytes: 12,
      bizType: 'X',
      isStore: false,
      packetId: expect.any(String),
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    expect(second?.data).toEqual({ isNew: false, missed: 0, messages: [topicMessage] });
  });

  it('continue after the id that a page names', async () => {
    await start();
    await push('alice', 'first');
    const reader = await follow();
    const seen = await reader.next('messages');
    reader.close();
    await push('alice', 'second');

    const again = await follow({ 'last-event-id': seen?.id ?? '' });
    expect((await again.next('messages'))?.data).toMatchObject({
      isNew: false,
      missed: 0,
      messages: [{ text: 'second' }],
    });
  });

  it('continue after the last id of a stream, of whatever event that was', async () => {
    await start();
    await push('alice', 'first');
    const reader = await follow();
    await reader.next('messages');
    const last = await reader.next('status');
    reader.close();
    await push('alice', 'second');

    const again = await follow({ 'last-event-id': last?.id ?? '' });
    expect((await again.next('messages'))?.data).toMatchObject({ isNew: false, messages: [{ text: 'second' }] });
  });

  it.each(['nonsense', 'ffffffffffff.1', '.', '1'])(
    'begin anew after the id %j, which is of no such stream',
    async (id) => {
      await start();
      await push('alice', 'hello');
      const reader = await follow({ 'last-event-id': id });
      expect((await reader.next('messages'))?.data).toMatchObject({
        isNew: true,
        messages: [{ text: 'hello' }],
      });
    },
  );

  it('keep only the latest messages, say how many are missing, and show the beginning of long ones', async () => {
    await start({ maxMessages: 2, maxTextLength: 5 });
    for (const text of ['one', 'two', 'three', 'fourteen']) await push('alice', text);
    const reader = await follow();
    expect((await reader.next('messages'))?.data).toMatchObject({
      missed: 2,
      messages: [{ text: 'three' }, { text: 'fourt', bytes: 8 }],
    });
  });

  it('show the beginning of every text', async () => {
    await start({ maxTextLength: 5 });
    await sample.post('/push/p2p', {
      toAccount: 'a'.repeat(50),
      msg: 'long enough',
      fromAccount: 'b'.repeat(50),
      bizType: 'c'.repeat(50),
    });
    const { data } = (await (await follow()).next('messages')) ?? {};
    expect(data).toMatchObject({ messages: [{ to: 'aaaaa', from: 'bbbbb', bizType: 'ccccc', text: 'long ' }] });
  });

  it('report the quota and the fault that is on', async () => {
    await start();
    const reader = await follow();
    expect((await reader.next('status'))?.data).toMatchObject({
      accounts: { usedUnits: 0, queued: 0, unitsPerSecond: 50 },
      topics: { usedUnits: 0, queued: 0, unitsPerSecond: 20 },
      fault: null,
    });
    await fetch(`${sample.url}/console/fault`, {
      method: 'PUT',
      headers: { ...KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ fault: 'hang', times: 3 }),
    });
    expect((await reader.next('status'))?.data).toMatchObject({ fault: { id: 'hang', left: 3 } });
  });

  it('are limited in pages at a time, and a page that goes makes room', async () => {
    await start({ maxStreams: 2 });
    const first = await follow();
    await follow();
    await until(() => open() === 2);

    const refused = await fetch(`${sample.url}/console/events`, { headers: KEY });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ message: 'Too many event streams (limit 2)' });

    first.close();
    await until(() => open() === 1);
    expect((await follow()).response.status).toBe(200);
    await until(() => open() === 2);
  });

  it('end with the application, at once', async () => {
    await start();
    const reader = await follow();
    await reader.next('status');

    const begin = performance.now();
    await sample.close();

    expect(await reader.next('nothing')).toBeUndefined();
    // A slow client would get 5 s.
    expect(performance.now() - begin).toBeLessThan(4_900);
    expect(open()).toBe(0);
  });

  const KEY = { authorization: 'Bearer demo-key' };

  async function start(consoleLimits: Partial<ConsoleLimits> = {}): Promise<void> {
    const settings = { ...readConsoleSettings({}), consoleLimits: { everyMs: 20, ...consoleLimits } };
    sample = await listen(await withMimcEnv({}, () => createApp(settings, { logger: false })));
  }

  async function follow(headers: Record<string, string> = {}): Promise<EventReader> {
    const reader = await EventReader.open(`${sample.url}/console/events`, { ...KEY, ...headers });
    readers.push(reader);
    return reader;
  }

  async function push(toAccount: string, msg: string): Promise<void> {
    await sample.post('/push/p2p', { toAccount, msg }).expect(202);
  }

  function open(): number {
    return sample.app.get(ConsoleEvents, { strict: false }).open;
  }
});
