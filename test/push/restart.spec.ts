import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcError, MimcModuleOptions } from 'nestjs-mimc';
import { EmulatorFault, MimcEmulator, MimcEmulatorOptions } from 'nestjs-mimc/testing';
import { bootPush, errorOf, PushApp, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';
import { reusablePort } from '../support/ports.js';

const start = (options: MimcEmulatorOptions = {}) => MimcEmulator.start({ credentials: secrets, ...options });

const boot = (emulator: MimcEmulator, options: Partial<MimcModuleOptions> = {}) =>
  bootPush({ baseUrl: emulator.url, quota: false, ...options });

/** `ok`, or outcome and code. */
async function endOf(sent: Promise<unknown>): Promise<string> {
  try {
    await sent;
    return 'ok';
  } catch (error) {
    if (MimcError.is(error)) return `${error.outcome} ${error.code}`;
    throw error;
  }
}

/** What is true of a call whose connection broke, or never was. */
const TRUE_ENDS = new Set([
  'ok, delivered 1',
  'not-sent MIMC_CONNECT, delivered 0',
  'unknown MIMC_RESET, delivered 0',
  'unknown MIMC_RESET, delivered 1',
]);

/** Calls by how they ended and how often they were delivered. */
class Tally {
  readonly #ends = new Map<string, number>();

  add(end: string, delivered: number): void {
    const key = `${end}, delivered ${delivered}`;
    this.#ends.set(key, (this.#ends.get(key) ?? 0) + 1);
  }

  get untrue(): string[] {
    return [...this.#ends.keys()].filter((end) => !TRUE_ENDS.has(end));
  }

  toString(): string {
    return [...this.#ends].map(([end, calls]) => `${calls} ${end}`).join('; ');
  }
}

describe('a server that dies and comes back on the same port', () => {
  let emulator: MimcEmulator;
  let app: PushApp;

  beforeEach(async () => {
    emulator = await start({ port: await reusablePort() });
    app = await boot(emulator, { retry: { maxAttempts: 2, baseDelayMs: 10 } });
  });
  afterEach(async () => {
    await app.close();
    await emulator.close();
  });

  const push = (toAccount: string) => app.push.toAccount({ toAccount, msg: 'm' });
  const many = (count: number, name: string) => Array.from({ length: count }, (_, i) => push(`${name}-${i}`));

  it('leaves calls in flight unknown and later ones not sent, and then all is well without a restart of the app', async () => {
    await Promise.all(many(8, 'before'));
    emulator.failNext({ kind: 'hang' }, 8);
    const inFlight = many(8, 'in-flight').map(endOf);
    await eventually(() => expect(emulator.totals.requests).toBe(16));

    await emulator.close();
    expect(await Promise.all(inFlight)).toEqual(Array(8).fill('unknown MIMC_RESET'));
    const later = await errorOf(push('later'));
    expect(later).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', attempts: 2, retryable: true });

    emulator = await start({ port: emulator.port });
    expect(await Promise.all(many(8, 'after').map(endOf))).toEqual(Array(8).fill('ok'));
    expect(emulator.count('later')).toBe(0);
  });

  it('is waited for by a call with attempts left', async () => {
    const { port } = emulator;
    await emulator.close();
    const sent = app.push.toAccount({ toAccount: 'a', msg: 'm' }, { retry: { maxAttempts: 100, maxDelayMs: 50 } });
    await eventually(() => expect(app.push.status().consecutiveFailures).toBeGreaterThan(0));
    emulator = await start({ port });
    expect((await sent).attempts).toBeGreaterThan(1);
    expect(emulator.count('a')).toBe(1);
  });

  it('loses and repeats nothing without an error to its caller, however busy they are', async () => {
    const ledgers = [emulator];
    const deaths = Array.from({ length: 5 }, (_, i) => 50 * (i + 1));
    const ends = new Map<string, Promise<string>>();
    const over = new AbortController();
    const caller = async (name: string) => {
      while (!over.signal.aborted) {
        const account = `${name}-${ends.size}`;
        const sent = endOf(push(account));
        ends.set(account, sent);
        await sent;
        // A call that fails at once must not keep the event loop from everything else.
        await setImmediate();
      }
    };
    const callers = Array.from({ length: 16 }, (_, i) => caller(`caller-${i}`));
    try {
      for (const requests of deaths) {
        await eventually(() => expect(emulator.totals.requests).toBeGreaterThan(requests));
        await emulator.close();
        emulator = await start({ port: emulator.port });
        ledgers.push(emulator);
      }
    } finally {
      over.abort();
      await Promise.all(callers);
    }

    const tally = new Tally();
    for (const [account, sent] of ends) {
      tally.add(
        await sent,
        ledgers.reduce((sum, ledger) => sum + ledger.count(account), 0),
      );
    }
    process.stdout.write(`five restarts: ${tally.toString()}\n`);
    expect(tally.untrue).toEqual([]);
    expect(await endOf(push('afterwards'))).toBe('ok');
  });
});

describe('a connection that the server closes at the moment of reuse', () => {
  const CALLS = 400;

  /** One call after another, after pauses of some milliseconds or none; each end with how often it was delivered. */
  async function callOneByOne(options: MimcEmulatorOptions, pauseMs: number): Promise<Tally> {
    const emulator = await start(options);
    const app = await boot(emulator, { retry: { baseDelayMs: 1 } });
    const tally = new Tally();
    for (let n = 0; n < CALLS; n += 1) {
      const end = await endOf(app.push.toAccount({ toAccount: `account-${n}`, msg: 'm' }));
      // Between 0 and `pauseMs`, in fractions of a millisecond that a timer cannot do.
      const until = performance.now() + (pauseMs * (n % 10)) / 10;
      while (performance.now() < until) await setImmediate();
      tally.add(end, emulator.count(`account-${n}`));
    }
    await app.close();
    await emulator.close();
    return tally;
  }

  const closing = (...faults: EmulatorFault[]): MimcEmulatorOptions => ({ chaos: { seed: 1, rate: 1, faults } });

  it.each<[string, MimcEmulatorOptions, number]>([
    ['as soon as it has answered', closing({ kind: 'close-idle' }), 0],
    ['as soon as it has answered, and calls pause', closing({ kind: 'close-idle' }), 2],
    ['1 ms after its answer', closing({ kind: 'close-idle', afterMs: 1 }), 2],
    ['2 ms after its answer', closing({ kind: 'close-idle', afterMs: 2 }), 3],
    ['5 ms after its answer', closing({ kind: 'close-idle', afterMs: 5 }), 7],
  ])('%s causes no duplicate and no false answer', async (name, options, pauseMs) => {
    const tally = await callOneByOne(options, pauseMs);
    process.stdout.write(`closed ${name}: ${tally.toString()}\n`);
    expect(tally.untrue).toEqual([]);
  });

  it.each<[string, MimcEmulatorOptions, number]>([
    ['with its answer (Connection: close)', closing({ kind: 'close-idle', announce: true }), 2],
    ['after a short time that it announces (Keep-Alive: timeout=0)', { keepAliveTimeoutMs: 3 }, 6],
  ])('%s causes no error at all', async (_name, options, pauseMs) => {
    const tally = await callOneByOne(options, pauseMs);
    expect(tally.toString()).toBe(`${CALLS} ok, delivered 1`);
  });
});
