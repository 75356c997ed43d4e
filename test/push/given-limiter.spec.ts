import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcAcquireOptions, MimcError, MimcPermit, MimcRateLimiter, SlidingWindowLimiter } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };
const idle = { queued: 0, usedUnits: 0, resumesInMs: 0 };

describe('a limiter that is given', () => {
  let mimc: MimcEmulator;
  let app: PushApp;
  let log: string[];
  let asked: [string, number, MimcAcquireOptions][];

  const permit: MimcPermit = { settle: () => void log.push('settle'), cancel: () => void log.push('cancel') };
  const limiter = (changes: Partial<MimcRateLimiter> = {}): MimcRateLimiter => ({
    acquire: async (...args) => {
      asked.push(args);
      return permit;
    },
    penalize: (bucket, forMs) => void log.push(`penalize ${bucket} ${forMs}`),
    status: () => idle,
    close: () => void log.push('close'),
    ...changes,
  });
  const boot = async (changes?: Partial<MimcRateLimiter>) => {
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, limiter: limiter(changes) });
  };
  const broken = () => {
    throw new RangeError('broken');
  };

  beforeEach(async () => {
    log = [];
    asked = [];
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  it('grants the recipients of each attempt, learns of its end, and is closed', async () => {
    await boot();
    await app.push.toAccounts({ toAccounts: ['a', 'b'], msg: 'm' }, { priority: 'bulk' });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '3' });
    await errorOf(app.push.toTopic({ topicId: 7, msg: 'm' }));
    await app.close();
    expect(asked).toMatchObject([
      ['accounts', 2, { lane: 'bulk', deadlineAt: expect.any(Number) }],
      ['topics', 1, { lane: 'interactive' }],
    ]);
    expect(log).toEqual(['settle', 'settle', 'penalize topics 3000', 'close']);
  });

  it('is asked for each chunk of a broadcast, which no deadline ends but its signal', async () => {
    await boot();
    const recipients = Array.from({ length: 12 }, (_, index) => `user-${index}`);
    await app.broadcasts.toAccounts(recipients, { msg: 'm' }, { chunkSize: 10 }).drain();
    const options = { lane: 'bulk', signal: expect.any(AbortSignal), deadlineAt: undefined, ignoresMaxQueued: true };
    expect(asked).toEqual([
      ['accounts', 10, options],
      ['accounts', 2, options],
    ]);
    expect(log).toEqual(['settle', 'settle']);
  });

  it('gives the units of a call that was never dispatched back at once', async () => {
    await boot();
    await mimc.close();
    await errorOf(app.push.toAccount(dto));
    expect(log).toEqual(['cancel']);
  });

  it.each([
    [
      'its own MimcError',
      new MimcError({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent', message: 'full' }),
      'MIMC_QUEUE_FULL',
    ],
    ['another error', new TypeError('a secret'), 'MIMC_CONNECT'],
    ['a string', 'a secret', 'MIMC_CONNECT'],
    ['nothing', undefined, 'MIMC_CONNECT'],
  ])('may reject with %s: not sent', async (_name, reason, code) => {
    await boot({ acquire: () => Promise.reject(reason) });
    const error = await errorOf(app.push.toAccount(dto));
    expect(error).toMatchObject({ code, outcome: 'not-sent', attempts: 0 });
    expect(error.message).not.toContain('a secret');
  });

  it('may throw at once: not sent', async () => {
    await boot({ acquire: broken });
    expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
  });

  it.each<[string, () => unknown]>([
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
    ['an error whose name throws', () => Object.defineProperty(new Error('x'), 'name', { get: broken })],
  ])('may throw %s', async (_name, thrown) => {
    await boot({ acquire: () => Promise.reject(thrown()) });
    expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
  });

  it('that gives no permit does not let the call go', async () => {
    await boot({ acquire: async () => undefined as unknown as MimcPermit });
    expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    expect(mimc.requests).toHaveLength(0);
  });

  it('may settle asynchronously, and fail at it', async () => {
    const settle = () => Promise.reject(new Error('gone')) as unknown as void;
    await boot({ acquire: async () => ({ settle, cancel: settle }) });
    await expect(app.push.toAccount(dto)).resolves.toHaveProperty('packetId');
  });

  it('cannot hold up the shutdown for longer than shutdownMs', async () => {
    app = await bootPush({
      baseUrl: mimc.url,
      shutdownMs: 50,
      limiter: limiter({ close: () => new Promise(() => undefined) }),
    });
    await expect(app.close()).resolves.toBeUndefined();
  });

  it('cannot hold a call beyond its deadline, and a permit that comes too late is given back', async () => {
    let admit: (late: MimcPermit) => void = () => undefined;
    await boot({ acquire: () => new Promise((resolve) => (admit = resolve)) });
    const error = await errorOf(app.push.toAccount(dto, { deadlineMs: 1_000 }));
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent', attempts: 0 });
    admit(permit);
    await eventually(() => expect(log).toEqual(['cancel']));
    expect(mimc.requests).toHaveLength(0);
  });

  it.each([
    ['throws', broken],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('cannot spoil the shutdown when its close %s', async (_how, end) => {
    await boot({ close: end });
    await app.push.toAccount(dto);
    await expect(app.close()).resolves.toBeUndefined();
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['a promise that rejects', () => Promise.reject(new Error('broken'))],
    ['what counts nothing', () => ({ queued: 'many', usedUnits: NaN, resumesInMs: null })],
  ])('may answer its status with %s', async (_what, answer) => {
    await boot({ status: () => answer() as typeof idle });
    expect(app.push.status().accounts).toMatchObject(idle);
    await expect(app.push.toAccount(dto)).resolves.toHaveProperty('packetId');
  });

  it('may have no bucket for unlimited groups: pushes to those say so, and nothing else does', async () => {
    const warnings: unknown[] = [];
    const listen = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', listen);
    const accountsAndTopics = new SlidingWindowLimiter({ limits: { accounts: 50, topics: 20 }, maxQueued: 0 });
    await app?.close();
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, limiter: accountsAndTopics });
    expect(app.push.status().unlimitedTopics).toMatchObject(idle);
    const error = await errorOf(app.push.toUnlimitedTopic({ topicId: 1, message: 'hello' }));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent' });
    await expect(app.push.toAccount(dto)).resolves.toHaveProperty('packetId');
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('hears at the deadline that a call is gone', async () => {
    const signals: AbortSignal[] = [];
    await boot({
      acquire: (_bucket, _units, { signal }) => {
        if (signal !== undefined) signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    const error = await errorOf(app.push.toAccount(dto, { deadlineMs: 30 }));
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('cannot let a call go after its deadline, when the process was too busy for a timer', async () => {
    await boot({
      acquire: async () => {
        const end = performance.now() + 100;
        await new Promise((resolve) => setImmediate(resolve));
        while (performance.now() < end);
        return permit;
      },
    });
    const error = await errorOf(app.push.toAccount(dto, { deadlineMs: 50 }));
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
    expect(log).toContain('cancel');
    expect(mimc.count('alice')).toBe(0);
  });

  it('that hangs ends with the application, for a broadcast too', async () => {
    await boot({ acquire: () => new Promise(() => undefined) });
    const call = errorOf(app.push.toAccount(dto));
    const drained = app.broadcasts.toAccounts(['alice', 'bob'], { msg: 'm' }).drain();
    await new Promise((resolve) => setImmediate(resolve));
    await app.close();
    expect(await call).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    expect(await drained).toMatchObject({ accepted: 0, notSent: 2, unknown: 0 });
  });

  it('cannot spoil a call that went well, nor hide why one failed', async () => {
    await boot({ acquire: async () => ({ settle: broken, cancel: broken }), penalize: broken, status: broken });
    await expect(app.push.toAccount(dto)).resolves.toHaveProperty('packetId');
    mimc.failNext({ kind: 'code', code: 429 });
    expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ code: 'MIMC_RATE_LIMITED', outcome: 'refused' });
    expect(app.push.status().accounts).toMatchObject(idle);
  });
});
