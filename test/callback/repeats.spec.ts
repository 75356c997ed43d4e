import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type MimcAccountMessage,
  MemoryCallbackStore,
  type MimcCallbackClaim,
  type MimcCallbackStore,
  OnMimcMessage,
} from 'nestjs-mimc/callback';
import { NEVER } from 'rxjs';
import {
  APP,
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

  it('is distinguished from the OFFLINE callback of the message, and from messages of others', async () => {
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
        if (fails) throw Object.assign(new TypeError(`cannot store ${message.text}`), { code: 'ER_DUP_ENTRY' });
      }
    }
    const { post, recorder, log } = await boot({ providers: [Failing, Recorder] });
    const first = await post(messageToBob());
    expect([first.status, JSON.parse(first.text)]).toEqual([500, { statusCode: 500, message: 'a handler failed' }]);
    const shown = log.join('\n');
    expect(shown).toMatch(
      /Failing\.handle failed for the callback [\w-]{43} \(TypeError ER_DUP_ENTRY\); MIMC will repeat it/,
    );
    // Where it was thrown, and nothing of what users wrote.
    expect(shown).toMatch(/at Failing\.handle \(.*repeats\.spec\.ts:\d+:\d+\)/);
    expect(shown).not.toContain('hello bob');
    fails = false;
    expect((await post(messageToBob())).status).toBe(200);
    expect((await post(messageToBob())).status).toBe(200);
    expect(recorder.events).toHaveLength(2);
  });

  it.each<[string, () => unknown, string]>([
    ['nothing', () => undefined, '(undefined)'],
    ['a text', () => 'hello bob', '(string)'],
    ['a revoked proxy', revoked, '(Error)'],
    [
      'an error whose stack cannot be read',
      () => Object.defineProperty(new RangeError('hello bob'), 'stack', { get: fail }),
      '(RangeError)',
    ],
    [
      'an error that forges lines',
      () => Object.assign(new Error('x\n    at hello bob'), { name: 'A\nhello bob', code: 'hello bob' }),
      '(Error)',
    ],
  ])('is handled again when a handler throws %s, of which the log shows the kind alone', async (_, thrown, kind) => {
    const { post, recorder, log } = await boot();
    recorder.handle = () => Promise.reject(thrown());
    expect((await post(messageToBob())).status).toBe(500);
    const shown = log.join('\n');
    expect(shown).toContain(`${kind}; MIMC will repeat it`);
    expect(shown).not.toContain('hello bob');
    recorder.handle = () => undefined;
    expect((await post(messageToBob())).status).toBe(200);
  });

  function revoked(): object {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }

  function fail(): never {
    throw new Error('hello bob');
  }

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

  it('does not run while a handler that took too long is still busy: it gets 503 as well, and 200 once that is done', async () => {
    const { post, recorder } = await boot({ options: { timeoutMs: 2_000 } });
    const signals: AbortSignal[] = [];
    const waiting = gate(recorder);
    const handle = recorder.handle;
    recorder.handle = (event, context) => {
      signals.push(context.signal);
      return handle(event, context);
    };
    const first = post(messageToBob());
    await eventually(() => expect(waiting).toHaveLength(1));
    const repeat = post(messageToBob());
    expect([(await first).status, (await repeat).status]).toEqual([503, 503]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(callbacks?.log.join()).toContain('not handled within 2000 ms');
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

describe('what never settles', () => {
  const hang = () => new Promise<never>(() => {});
  /** As many as the module handles at a time. */
  const PLACES = 1_000;

  /** Sends `count` callbacks of different messages; returns how many were answered with each status. */
  async function flood(post: CallbackApp['post'], count: number, fields: object = {}) {
    const statuses = new Map<number, number>();
    for (let sent = 0; sent < count; sent += 50) {
      const page = Array.from({ length: 50 }, (_, index) => post(messageToBob({ sequence: sent + index, ...fields })));
      for (const { status } of await Promise.all(page)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    return Object.fromEntries(statuses);
  }

  it.each<[string, (recorder: Recorder, store: Partial<MimcCallbackStore>) => void]>([
    ['a handler', (recorder) => (recorder.handle = hang)],
    ['the store', (_recorder, store) => (store.take = hang)],
    ['an Observable', (recorder) => (recorder.handle = () => NEVER)],
  ])(
    '%s does not keep a place',
    async (_, break_) => {
      const memory = new MemoryCallbackStore();
      const store: MimcCallbackStore = {
        take: (...given) => memory.take(...given),
        done: (...given) => memory.done(...given),
        release: (...given) => memory.release(...given),
      };
      const { post, recorder } = await boot({ options: { store, timeoutMs: 100 } });
      break_(recorder, store);
      // As many as there are places, more slowly than they become free.
      expect(Object.keys(await flood(post, PLACES + 100))).toEqual(['503']);
      recorder.handle = () => undefined;
      store.take = (...given) => memory.take(...given);
      await eventually(async () => expect((await post(messageToBob({ sequence: '0' }))).status).toBe(200));
    },
    60_000,
  );

  it('the function `apps` is answered 503, and the log names it', async () => {
    let secret: () => Promise<string> = hang;
    const { post, log } = await boot({ options: { apps: () => secret(), timeoutMs: 50 } });
    expect(await flood(post, 50)).toEqual({ 503: 50 });
    expect(log.join()).toContain('the function `apps` did not answer in time');
    secret = async () => APP.appSecret;
    expect((await post(messageToBob())).status).toBe(200);
  });

  it('is given up after twice the time, and a repeat runs the handlers again', async () => {
    const { post, recorder, log } = await boot({ options: { timeoutMs: 100 } });
    recorder.handle = hang;
    expect((await post(messageToBob())).status).toBe(503);
    await eventually(() => expect(log.join()).toMatch(/Handlers of the callback [\w-]{43} did not settle/));
    recorder.handle = () => undefined;
    expect((await post(messageToBob())).status).toBe(200);
    expect(recorder.events).toHaveLength(2);
  });

  it('counts as handled when it succeeds after that', async () => {
    const { post, recorder, log } = await boot({ options: { timeoutMs: 100 } });
    const waiting = gate(recorder);
    expect((await post(messageToBob())).status).toBe(503);
    await eventually(() => expect(log.join()).toContain('did not settle'));
    waiting[0]?.resolve();
    await eventually(async () => expect((await post(messageToBob())).status).toBe(200));
    expect(recorder.events.length).toBeLessThanOrEqual(2);
  });

  it('leaves places to others, which forged callbacks do not take', async () => {
    const { post, recorder } = await boot({ options: { timeoutMs: 60_000 } });
    const waiting = gate(recorder);
    const held = Array.from({ length: PLACES }, (_, index) => post(messageToBob({ sequence: index })));
    await eventually(() => expect(waiting).toHaveLength(PLACES));
    expect(await flood(post, 50, { authentication: signed({ appSecret: 'FORGED-SECRET' }) })).toEqual({ 403: 50 });
    expect((await post(messageToBob({ sequence: 'one more' }))).status).toBe(503);
    // A repeat of one that is being handled takes none.
    const repeat = post(messageToBob({ sequence: 0 }));
    for (const { resolve } of waiting) resolve();
    expect(new Set((await Promise.all([...held, repeat])).map(({ status }) => status))).toEqual(new Set([200]));
  }, 60_000);
});

describe('a store', () => {
  it('leases each callback to an owner before handlers run, and learns the outcome', async () => {
    const seen: unknown[][] = [];
    const claims: MimcCallbackClaim[] = ['taken', 'busy', 'done', 'taken'];
    const store: MimcCallbackStore = {
      take: (_id, leaseMs, owner) => (seen.push(['take', leaseMs, owner]), claims.shift() ?? 'busy'),
      done: (_id, rememberMs) => void seen.push(['done', rememberMs]),
      release: (_id, owner) => void seen.push(['release', owner]),
    };
    const { post, recorder } = await boot({ options: { store, timeoutMs: 5_000, rememberMs: 400_000 } });
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await post(messageToBob())).status);
    recorder.handle = () => Promise.reject(new Error('failed'));
    statuses.push((await post(messageToBob())).status);
    expect(statuses).toEqual([200, 503, 200, 500]);
    expect(recorder.events).toHaveLength(2);
    expect(seen.map(([what]) => what)).toEqual(['take', 'done', 'take', 'take', 'take', 'release']);
    const owners = seen
      .filter(([what]) => what === 'take')
      .map(([, leaseMs, owner]) => (expect(leaseMs).toBe(10_000), owner));
    expect(new Set(owners).size).toBe(4);
    expect([seen[1], seen[5]]).toEqual([
      ['done', 400_000],
      ['release', owners[3]],
    ]);
  });

  it('keeps the lease of one process when another one fails late', async () => {
    const store = new MemoryCallbackStore();
    // The lease of the first process is over before its handlers are.
    const short: MimcCallbackStore = {
      take: (id, _leaseMs, owner) => store.take(id, 0, owner),
      done: (...given) => store.done(...given),
      release: (...given) => store.release(...given),
    };
    const [first, second] = [await bootCallbacks({ options: { store: short } }), await boot({ options: { store } })];
    const [ofFirst, ofSecond] = [gate(first.recorder), gate(second.recorder)];
    const failing = first.post(messageToBob());
    await eventually(() => expect(ofFirst).toHaveLength(1));
    const handled = second.post(messageToBob());
    await eventually(() => expect(ofSecond).toHaveLength(1));
    ofFirst[0]?.reject(new Error('failed late'));
    expect((await failing).status).toBe(500);
    expect((await first.post(messageToBob())).status).toBe(503);
    ofSecond[0]?.resolve();
    expect((await handled).status).toBe(200);
    expect((await first.post(messageToBob())).status).toBe(200);
    await first.close();
    expect([ofFirst.length, ofSecond.length]).toEqual([1, 1]);
  });

  it('gets back a lease that it granted too late', async () => {
    const seen: unknown[] = [];
    let grant = () => {};
    const store: MimcCallbackStore = {
      take: (_id, _leaseMs, owner) => {
        seen.push(owner);
        return new Promise((resolve) => (grant = () => resolve('taken')));
      },
      done: () => void seen.push('done'),
      release: (_id, owner) => void seen.push(owner),
    };
    const { post, recorder } = await boot({ options: { store, timeoutMs: 100 } });
    expect((await post(messageToBob())).status).toBe(503);
    grant();
    await eventually(() => expect(seen).toHaveLength(2));
    expect(seen[1]).toBe(seen[0]);
    expect(recorder.events).toEqual([]);
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
      expect(store.take(id, 60_000, 'me')).toBe('taken');
      store.done(id, 60_000);
    }
    expect(['b', 'c', 'a'].map((id) => store.take(id, 60_000, 'me'))).toEqual(['done', 'done', 'taken']);
  });

  it('leases again what its owner released, or whose time is up', () => {
    const store = new MemoryCallbackStore();
    const take = (leaseMs: number, owner = 'me') => store.take('a', leaseMs, owner);
    expect([take(60_000), take(60_000), take(60_000, 'you')]).toEqual(['taken', 'taken', 'busy']);
    store.release('a', 'you');
    expect(take(60_000, 'you')).toBe('busy');
    store.release('a', 'me');
    expect(take(0, 'you')).toBe('taken');
    expect(take(60_000)).toBe('taken');
    store.done('a', 0);
    expect(take(60_000, 'you')).toBe('taken');
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the bound %p', (maxEntries) => {
    expect(() => new MemoryCallbackStore({ maxEntries })).toThrow('maxEntries must be a positive integer');
  });
});
