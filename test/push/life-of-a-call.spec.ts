import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type MimcError, MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { buildConnector, Dispatcher, Pool } from 'undici';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

const dto = { toAccount: 'alice', msg: 'hello' };
const success = httpReply('200 OK', '{"code":200,"data":{"packetId":"p-1"},"message":"success"}');

/** A pool whose connections come up `ms` late. */
function slowPool(url: string, ms: number): Pool {
  const connect = buildConnector({});
  return new Pool(url, { connect: (options, done) => void setTimeout(() => connect(options, done), ms) });
}

/** Answers with a head at once, but never reports that it began to send, nor how the reply continues. */
class ForgetfulDispatcher extends Dispatcher {
  override dispatch(_request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    handler.onResponseStart?.({ abort: () => undefined } as unknown as Dispatcher.DispatchController, 200, {}, 'OK');
    return true;
  }
}

it('a given dispatcher that says little cannot hold a call without end, and it may have been sent', async () => {
  const app = await bootPush({ dispatcher: new ForgetfulDispatcher(), timeouts: { connectMs: 50 } });
  const error = await errorOf(app.push.toAccount(dto, { deadlineMs: 5_000 }));
  expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'unknown', attempts: 1 });
  await app.close();
});

describe('while the connection is being made', () => {
  let server: RawServer;
  let app: PushApp;
  let pool: Pool;

  beforeEach(async () => {
    server = await startRawServer((socket, chunk) => chunk.endsWith('}') && socket.write(success));
    // Long after the limits of these calls, also on a busy machine, whose timers are late.
    pool = slowPool(server.url, 1_000);
  });
  afterEach(async () => {
    await app.close();
    await pool.destroy();
    await server.close();
  });
  const boot = async (options: Partial<MimcModuleOptions> = {}) => {
    app = await bootPush({ baseUrl: server.url, dispatcher: pool, ...options });
    return app.push;
  };
  /** The connection came up after all, and stayed silent. */
  const expectSilence = async () => {
    await eventually(() => expect(server.connections).toBeGreaterThan(0));
    await sleep(100);
    expect(server.received).toBe('');
  };

  it('an abort is not sent, and nothing ever reaches the server', async () => {
    const push = await boot();
    const error = await errorOf(push.toAccount(dto, { signal: AbortSignal.timeout(50) }));
    expect(error).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent', attempts: 1 });
    await expectSilence();
  });

  it('the deadline is not sent, and nothing ever reaches the server', async () => {
    const push = await boot();
    const error = await errorOf(push.toAccount(dto, { deadlineMs: 50 }));
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent', attempts: 1 });
    await expectSilence();
  });

  it('the connect time limit is not sent, and nothing ever reaches the server', async () => {
    const push = await boot({ timeouts: { connectMs: 50 } });
    const error = await errorOf(push.toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', attempts: 1 });
    await expectSilence();
  });

  it('a shutdown without grace is not sent, and nothing ever reaches the server', async () => {
    const push = await boot({ shutdownMs: 30 });
    const call = errorOf(push.toAccount(dto));
    await app.close();
    expect(await call).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent', attempts: 1 });
    await expectSilence();
  });

  it('a later call can still use the connection that came up', async () => {
    const push = await boot();
    await errorOf(push.toAccount(dto, { deadlineMs: 50 }));
    await expect(push.toAccount(dto)).resolves.toMatchObject({ packetId: 'p-1' });
    expect(server.received.match(/POST/g)).toHaveLength(1);
  });

  it('a TLS handshake that never ends is a failure to connect', async () => {
    app = await bootPush({ baseUrl: server.url.replace('http:', 'https:'), timeouts: { connectMs: 80 } });
    const error = await errorOf(app.push.toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    expect(server.received).not.toContain('POST');
  });
});

describe('a call', () => {
  let mimc: MimcEmulator;
  let app: PushApp;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });
  const boot = async (options: Partial<MimcModuleOptions> = {}) => {
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });
    return app.push;
  };

  it('that was aborted before it began sends nothing', async () => {
    const push = await boot();
    const error = await errorOf(push.toAccount(dto, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent', attempts: 0 });
    expect(mimc.requests).toHaveLength(0);
  });

  it('that is aborted in the same turn sends nothing', async () => {
    const push = await boot();
    const controller = new AbortController();
    const call = errorOf(push.toAccount(dto, { signal: controller.signal }));
    controller.abort();
    expect(await call).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    expect(mimc.requests).toHaveLength(0);
  });

  it.each(['MIMC_ABORTED', 'MIMC_DEADLINE'] as const)(
    'that ends with %s after dispatch is unknown, and its socket is destroyed',
    async (code) => {
      const silent = await startRawServer(() => undefined);
      const push = await boot({ baseUrl: silent.url });
      const controller = new AbortController();
      const deadlineMs = code === 'MIMC_DEADLINE' ? 300 : 9_000;
      const call = errorOf(push.toAccount(dto, { signal: controller.signal, deadlineMs }));
      await eventually(() => expect(silent.received).toContain('POST'));
      if (code === 'MIMC_ABORTED') controller.abort();
      expect(await call).toMatchObject({ code, outcome: 'unknown', retryable: false, attempts: 1 });
      // Sooner than by `responseMs`.
      await eventually(() => expect(silent.closed).toBe(1), 5_000);
      expect(silent.received.match(/POST/g)).toHaveLength(1);
      await silent.close();
    },
  );

  it.each<[string, (event: object) => unknown]>([
    ['freezes', (event) => Object.freeze(event)],
    ['seals', (event) => Object.seal(event)],
    ['forbids to extend', (event) => Object.preventExtensions(event)],
    [
      'redefines',
      (event) =>
        ['error', 'result', 'attempts'].map((field) =>
          Reflect.defineProperty(event, field, {
            get: () => {
              throw new Error('broken');
            },
          }),
        ),
    ],
  ])('cannot be spoilt or redirected by a subscriber that %s its events', async (_how, spoil) => {
    const push = await boot({ quota: { accountsPerSecond: 2 } });
    const subscriber = (event: object) => {
      if (Object.isExtensible(event)) spoil(Object.assign(event, { endpoint: 'p2t', callId: 'mine' }));
    };
    const subscribers = {
      start: subscriber,
      end: subscriber,
      asyncStart: subscriber,
      asyncEnd: subscriber,
      error: subscriber,
    };
    const channels = [tracingChannel('mimc:call'), tracingChannel('mimc:attempt')];
    for (const channel of channels) channel.subscribe(subscribers);
    const receipt = await push.toAccount(dto);
    mimc.failNext({ kind: 'code', code: 403 });
    const error = await errorOf(push.toAccount(dto));
    for (const channel of channels) channel.unsubscribe(subscribers);
    expect(receipt.callId).not.toBe('mine');
    expect(error).toMatchObject({ code: 'MIMC_API', endpoint: 'p2p', outcome: 'refused' });
    expect(mimc.count('alice')).toBe(1);
    await eventually(() => expect(push.status().accounts.usedUnits).toBe(0));
  });

  it('shares nothing with its subscribers', async () => {
    const push = await boot();
    const ports: unknown[] = [];
    const subscriber = (event: unknown) => {
      const { server } = event as { server: { port: number } };
      ports.push(server.port);
      server.port = -1;
    };
    subscribe('tracing:mimc:call:start', subscriber);
    await push.toAccount(dto);
    await push.toAccount(dto);
    unsubscribe('tracing:mimc:call:start', subscriber);
    expect(ports).toEqual([Number(new URL(mimc.url).port), Number(new URL(mimc.url).port)]);
  });

  it('that waits for quota ends at its deadline or abort, unsent', async () => {
    const push = await boot({ quota: { accountsPerSecond: 1 } });
    await push.toAccount(dto);
    const controller = new AbortController();
    const aborted = errorOf(push.toAccount(dto, { signal: controller.signal }));
    const late = errorOf(push.toAccount(dto, { deadlineMs: 100 }));
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent', attempts: 0 });
    expect(await late).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent', attempts: 0 });
    expect(mimc.requests).toHaveLength(1);
  });

  it('that finds the queue full is refused at once', async () => {
    const push = await boot({ quota: { topicsPerSecond: 1, maxQueued: 1 } });
    await push.toTopic({ topicId: 7, msg: 'm' });
    const waiting = errorOf(push.toTopic({ topicId: 7, msg: 'm' }));
    const refused = await errorOf(push.toTopic({ topicId: 7, msg: 'm' }));
    expect(refused).toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent', retryable: true, attempts: 0 });
    await app.close();
    expect(await waiting).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
  });

  it('is not refused for a flood of calls in the other lane or to the other kind', async () => {
    const push = await boot({ quota: { accountsPerSecond: 1, topicsPerSecond: 1, maxQueued: 1 } });
    // They hold the quota until a second after their answers.
    mimc.failNext({ kind: 'delay', ms: 2_000 }, 2);
    const holders = [push.toAccount(dto), push.toTopic({ topicId: 7, msg: 'm' })];
    await eventually(() => expect(mimc.totals.requests).toBe(2));
    const flood = [
      push.toAccount(dto, { priority: 'bulk' }),
      push.toAccount(dto, { priority: 'bulk' }),
      push.toTopic({ topicId: 7, msg: 'm' }),
      push.toTopic({ topicId: 7, msg: 'm' }),
    ].map((call) =>
      call.then(
        () => 'accepted',
        ({ code }: MimcError) => code,
      ),
    );
    await expect(push.toAccount(dto)).resolves.toMatchObject({ attempts: 1 });
    await Promise.all(holders);
    await app.close();
    expect((await Promise.all(flood)).filter((code) => code === 'MIMC_QUEUE_FULL')).toHaveLength(2);
  });

  it('reports where its time went', async () => {
    const push = await boot({ quota: { accountsPerSecond: 1 } });
    await push.toAccount(dto);
    mimc.failNext({ kind: 'delay', ms: 50 });
    const { timing } = await push.toAccount(dto);
    expect(timing.queuedMs).toBeGreaterThan(900);
    expect(timing.networkMs).toBeGreaterThanOrEqual(49);
    expect(timing.backoffMs).toBe(0);
  });

  it('may share its signal with a thousand others', async () => {
    const push = await boot({ quota: { accountsPerSecond: 1 }, deadlineMs: 2_147_483_647 });
    const controller = new AbortController();
    const calls = Array.from({ length: 1_000 }, () => errorOf(push.toAccount(dto, { signal: controller.signal })));
    await eventually(() => expect(push.status().accounts.queued).toBe(999));
    controller.abort();
    const errors = await Promise.all(calls.slice(1));
    await calls[0]?.catch(() => undefined);
    expect(errors.every(({ code, outcome }) => code === 'MIMC_ABORTED' && outcome === 'not-sent')).toBe(true);
  });
});

describe('a retry', () => {
  let mimc: MimcEmulator;
  let app: PushApp;
  const retry = { maxAttempts: 3, baseDelayMs: 5, maxDelayMs: 20 };

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, retry, timeouts: { responseMs: 2_000 } });
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  it('is made of a throttled call, after the pause that MIMC asks for', async () => {
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '1' });
    const begin = performance.now();
    await expect(app.push.toAccount(dto)).resolves.toMatchObject({ attempts: 2, mayBeDuplicate: false });
    expect(performance.now() - begin).toBeGreaterThan(990);
    expect(mimc.count('alice')).toBe(1);
  });

  it('waits a second for the quota when MIMC names no pause, and so do other calls', async () => {
    mimc.failNext({ kind: 'status', status: 429 });
    const throttled = app.push.toAccount(dto);
    await eventually(() => expect(app.push.status().accounts.resumesInMs).toBeGreaterThan(0));
    const other = await app.push.toAccount({ ...dto, toAccount: 'bob' });
    expect(other).toMatchObject({ attempts: 1 });
    expect(other.timing.queuedMs).toBeGreaterThan(500);
    await expect(throttled).resolves.toMatchObject({ attempts: 2 });
    expect(app.log.filter((line) => line.includes('is throttling'))).toHaveLength(1);
  });

  it('is not made when the pause goes beyond the deadline', async () => {
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '60' });
    const error = await errorOf(app.push.toAccount(dto, { deadlineMs: 5_000 }));
    expect(error).toMatchObject({ code: 'MIMC_RATE_LIMITED', outcome: 'refused', retryAfterMs: 60_000, attempts: 1 });
  });

  it.each([
    ['a reset', { kind: 'reset', when: 'after-read' }],
    ['a timeout', { kind: 'hang' }],
    ['HTTP 502', { kind: 'html', status: 502 }],
    ['a refusal', { kind: 'code', code: 500 }],
    ['nonsense', { kind: 'garbage' }],
  ] as const)('is never made after %s by default', async (_name, fault) => {
    mimc.failNext(fault);
    expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ attempts: 1 });
    expect(mimc.requests).toHaveLength(1);
  });

  it('is made after what may have been sent, when at-least-once is asked for, and the receipt says so', async () => {
    mimc.failNext([{ kind: 'reset', when: 'after-read' }, { kind: 'hang' }]);
    const receipt = await app.push.toAccount(dto, { retry: { delivery: 'at-least-once' } });
    expect(receipt).toMatchObject({ attempts: 3, mayBeDuplicate: true });
    expect(mimc.count('alice')).toBe(3);
  });

  it('keeps the worst outcome of all attempts, and the code of the last', async () => {
    mimc.failNext([{ kind: 'hang' }, { kind: 'code', code: 500, message: 'no' }]);
    const error = await errorOf(app.push.toAccount(dto, { retry: { delivery: 'at-least-once' } }));
    expect(error).toMatchObject({ code: 'MIMC_API', apiCode: 500, outcome: 'unknown', retryable: false, attempts: 2 });
  });

  it('does not mix the answer to an earlier attempt into the error of the last', async () => {
    const { port } = mimc;
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '1', httpStatus: 429 });
    const call = errorOf(app.push.toAccount(dto, { retry: { maxAttempts: 2, baseDelayMs: 400, maxDelayMs: 400 } }));
    await eventually(() => expect(app.push.status().lastFailure?.code).toBe('MIMC_RATE_LIMITED'));
    await mimc.close();
    const error = await call;
    mimc = await MimcEmulator.start({ port });
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'refused', attempts: 2 });
    expect([error.apiCode, error.httpStatus, error.retryAfterMs]).toEqual([undefined, undefined, undefined]);
  });

  it('stops at maxAttempts, and never begins with retry: false', async () => {
    mimc.failNext({ kind: 'html', status: 502 }, 10);
    const options = { retry: { delivery: 'at-least-once', maxAttempts: 4 } } as const;
    expect(await errorOf(app.push.toAccount(dto, options))).toMatchObject({ code: 'MIMC_HTTP', attempts: 4 });
    expect(await errorOf(app.push.toAccount(dto, { retry: false }))).toMatchObject({ attempts: 1 });
  });

  it('gives up in backoff at the deadline or an abort, and keeps what the attempts earned', async () => {
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    const slow = { delivery: 'at-least-once', baseDelayMs: 2_000_000, maxDelayMs: 2_000_000 } as const;
    const controller = new AbortController();
    const call = errorOf(
      app.push.toAccount(dto, { signal: controller.signal, retry: slow, deadlineMs: 2_147_483_647 }),
    );
    await eventually(() => expect(app.push.status().consecutiveFailures).toBe(1));
    controller.abort();
    expect(await call).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'unknown', attempts: 1 });
  });

  it('is not made when its time comes only after the deadline, as the process was busy', async () => {
    mimc.failNext({ kind: 'html', status: 502 });
    const busyUntil = performance.now() + 700;
    const block = () => {
      while (performance.now() < busyUntil);
    };
    const listen = () => void setTimeout(block, 0);
    subscribe('mimc:retry', listen);
    const quick = { delivery: 'at-least-once', baseDelayMs: 300, maxDelayMs: 300 } as const;
    const error = await errorOf(app.push.toAccount(dto, { retry: quick, deadlineMs: 500 }));
    unsubscribe('mimc:retry', listen);
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'unknown', attempts: 1 });
    expect(mimc.requests).toHaveLength(1);
  });

  it('is not counted when the caller hangs up', async () => {
    const retries: unknown[] = [];
    const listen = (event: unknown) => retries.push(event);
    subscribe('mimc:retry', listen);
    mimc.failNext({ kind: 'hang' }, 12);
    for (let n = 0; n < 12; n++) {
      const controller = new AbortController();
      const options = { signal: controller.signal, retry: { delivery: 'at-least-once' } } as const;
      const call = errorOf(app.push.toAccount(dto, options));
      await eventually(() => expect(mimc.requests).toHaveLength(n + 1));
      controller.abort();
      expect(await call).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'unknown' });
    }
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '0' });
    await expect(app.push.toAccount(dto)).resolves.toMatchObject({ attempts: 2 });
    unsubscribe('mimc:retry', listen);
    expect(retries).toHaveLength(1);
  });

  it('draws on a budget, so that an outage does not multiply traffic', async () => {
    mimc.failNext({ kind: 'html', status: 503 }, 1_000);
    const options = { retry: { delivery: 'at-least-once' } } as const;
    const attempts: number[] = [];
    for (let call = 0; call < 20; call++) attempts.push((await errorOf(app.push.toAccount(dto, options))).attempts);
    expect(attempts).toEqual([3, 3, 3, 3, 3, ...Array<number>(15).fill(1)]);
  });

  it('is made of a connection that failed, and pays quota once for what was sent', async () => {
    const { port } = mimc;
    await mimc.close();
    const call = app.push.toAccount(dto, { retry: { maxAttempts: 100, baseDelayMs: 20, maxDelayMs: 20 } });
    await eventually(() => expect(app.push.status().consecutiveFailures).toBeGreaterThan(1));
    mimc = await MimcEmulator.start({ port });
    const receipt = await call;
    expect(receipt.attempts).toBeGreaterThan(2);
    expect(receipt.mayBeDuplicate).toBe(false);
    expect(app.push.status().accounts.usedUnits).toBe(1);
  });
});
