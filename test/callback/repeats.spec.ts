import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type MimcAccountMessage,
  MemoryCallbackStore,
  type MimcCallbackClaim,
  type MimcCallbackStore,
  OnMimcMessage,
} from 'nestjs-mimc/callback';
import {
  bootCallbacks,
  type CallbackApp,
  messageToBob,
  messageToGroup,
  Recorder,
  signed,
} from '../support/callback-app.js';
import { eventually } from '../support/eventually.js';

let callbacks: CallbackApp | undefined;

afterEach(() => callbacks?.close());

const boot = async (...setup: Parameters<typeof bootCallbacks>) => (callbacks = await bootCallbacks(...setup));

/** Holds what is handled until the test lets it go. */
function gate(recorder: Recorder) {
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  recorder.handle = () => new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
  return waiting;
}

describe('a repeat of a callback', () => {
  it('is answered 200 and not handled again', async () => {
    const { post, recorder } = await boot();
    for (let count = 0; count < 3; count++) expect((await post(messageToBob())).status).toBe(200);
    const later = signed({ timestamp: 1_650_000_030_000 });
    expect((await post(messageToBob({ authentication: later }))).status).toBe(200);
    expect(recorder.events).toHaveLength(1);
  });

  it('cannot bring other content under the same sequence', async () => {
    const { post, recorder } = await boot();
    await post(messageToBob());
    await post(messageToBob({ payload: Buffer.from('another').toString('base64') }));
    expect(recorder.events).toMatchObject([{ text: 'hello bob' }]);
  });

  it('is told from the OFFLINE callback of the message, and from messages of others', async () => {
    const { post, recorder } = await boot();
    await post(messageToBob());
    await post(messageToBob({ msgType: 'OFFLINE_MSG' }));
    await post(messageToBob({ toAccount: 'carol' }));
    await post(messageToBob({ fromAccount: 'dave' }));
    await post(messageToGroup({ sequence: '154503794553568001' }));
    await post(messageToGroup({ sequence: '154503794553568001', topicId: '7' }));
    expect(new Set(recorder.events.map(({ id }) => id)).size).toBe(6);
  });

  it('is known by all its fields where there is no sequence', async () => {
    const { post, recorder } = await boot();
    await post(messageToGroup({ sequence: undefined }));
    await post(messageToGroup({ sequence: undefined, authentication: signed({ endian: 'BE' }) }));
    await post(messageToGroup({ sequence: undefined, timestamp: 1_650_000_000_124 }));
    expect(recorder.events).toHaveLength(2);
  });

  it('is handled again when a handler has failed, by all of them', async () => {
    let fails = true;
    class Failing {
      @OnMimcMessage('NORMAL_MSG')
      handle(message: MimcAccountMessage): void {
        if (fails) throw new Error(`the database is away, ${message.kind}`);
      }
    }
    const { post, recorder, log } = await boot({ providers: [Failing, Recorder] });
    const first = await post(messageToBob());
    expect([first.status, JSON.parse(first.text)]).toEqual([500, { statusCode: 500, message: 'a handler failed' }]);
    expect(log.join('\n')).toMatch(/Failing\.handle failed for the callback [\w-]{43}; MIMC will repeat it/);
    expect(log.join('\n')).toContain('the database is away');
    fails = false;
    expect((await post(messageToBob())).status).toBe(200);
    expect((await post(messageToBob())).status).toBe(200);
    expect(recorder.events).toHaveLength(2);
  });

  it('that comes while the first is handled waits for it, and shares its outcome', async () => {
    const { post, recorder } = await boot();
    const waiting = gate(recorder);
    const answered: number[] = [];
    const answers = [1, 2, 3].map(() => post(messageToBob()).then(({ status }) => answered.push(status)));
    await eventually(() => expect(waiting).toHaveLength(1));
    await post(messageToBob({ authentication: '' }));
    expect(answered).toEqual([]);
    waiting[0]?.reject(new Error('failed'));
    await Promise.all(answers);
    expect([answered, recorder.events.length]).toEqual([[500, 500, 500], 1]);
    const again = post(messageToBob());
    await eventually(() => expect(waiting).toHaveLength(2));
    waiting[1]?.resolve();
    expect((await again).status).toBe(200);
  });

  it('does not run beside a handler that took too long: it gets 503 as well, and 200 once that is done', async () => {
    const { post, recorder } = await boot({ options: { timeoutMs: 50 } });
    const signals: AbortSignal[] = [];
    const waiting = gate(recorder);
    const handle = recorder.handle;
    recorder.handle = (event, context) => {
      signals.push(context.signal);
      return handle(event, context);
    };
    expect((await post(messageToBob())).status).toBe(503);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(callbacks?.log.join()).toContain('not handled within 50 ms');
    expect((await post(messageToBob())).status).toBe(503);
    waiting[0]?.resolve();
    await eventually(async () => expect((await post(messageToBob())).status).toBe(200));
    expect(recorder.events).toHaveLength(1);
  });

  it('is handled again when what took too long has failed in the end', async () => {
    const { post, recorder } = await boot({ options: { timeoutMs: 50 } });
    const waiting = gate(recorder);
    expect((await post(messageToBob())).status).toBe(503);
    waiting[0]?.reject(new Error('failed late'));
    recorder.handle = () => undefined;
    await eventually(async () => expect((await post(messageToBob())).status).toBe(200));
    expect(recorder.events).toHaveLength(2);
  });
});

describe('a store', () => {
  it('is asked before handlers run, and told what became of it', async () => {
    const told: unknown[] = [];
    const claims: MimcCallbackClaim[] = ['taken', 'busy', 'done', 'taken'];
    const store: MimcCallbackStore = {
      take: (_id, leaseMs) => (told.push(['take', leaseMs]), claims.shift() ?? 'busy'),
      done: (_id, rememberMs) => void told.push(['done', rememberMs]),
      release: () => void told.push(['release']),
    };
    const { post, recorder } = await boot({ options: { store, timeoutMs: 5_000, rememberMs: 400_000 } });
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await post(messageToBob())).status);
    recorder.handle = () => Promise.reject(new Error('failed'));
    statuses.push((await post(messageToBob())).status);
    expect(statuses).toEqual([200, 503, 200, 500]);
    expect(recorder.events).toHaveLength(2);
    const take = ['take', 10_000];
    expect(told).toEqual([take, ['done', 400_000], take, take, take, ['release']]);
  });

  it('that throws or hangs costs no callback: 503 before the handlers, 200 after them', async () => {
    const fail = () => Promise.reject(new Error('redis://user:PASSWORD@redis'));
    let take: MimcCallbackStore['take'] = fail;
    const store: MimcCallbackStore = { take: (...given) => take(...given), done: fail, release: fail };
    const { post, recorder, log } = await boot({ options: { store, timeoutMs: 1_000 } });
    expect((await post(messageToBob())).status).toBe(503);
    take = () => new Promise(() => {});
    expect((await post(messageToBob({ sequence: '2' }))).status).toBe(503);
    expect(recorder.events).toEqual([]);
    take = () => 'taken';
    expect((await post(messageToBob({ sequence: '3' }))).status).toBe(200);
    recorder.handle = fail;
    expect((await post(messageToBob({ sequence: '4' }))).status).toBe(500);
    await eventually(() => expect(log.filter((line) => line.includes('The store failed at'))).toHaveLength(2));
    expect(log.filter((line) => line.includes('store')).join()).not.toContain('PASSWORD');
  });
});

describe('the store in memory', () => {
  it('forgets the oldest beyond its bound', () => {
    const store = new MemoryCallbackStore({ maxEntries: 2 });
    for (const id of ['a', 'b', 'c']) {
      expect(store.take(id, 60_000)).toBe('taken');
      store.done(id, 60_000);
    }
    expect(['b', 'c', 'a'].map((id) => store.take(id, 60_000))).toEqual(['done', 'done', 'taken']);
  });

  it('takes again what was released, or whose time is up', () => {
    const store = new MemoryCallbackStore();
    expect([store.take('a', 60_000), store.take('a', 60_000)]).toEqual(['taken', 'busy']);
    store.release('a');
    expect(store.take('a', 0)).toBe('taken');
    expect(store.take('a', 60_000)).toBe('taken');
    store.done('a', 0);
    expect(store.take('a', 60_000)).toBe('taken');
  });
});
