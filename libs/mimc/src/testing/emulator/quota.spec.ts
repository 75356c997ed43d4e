import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EmulatorQuota } from './quota.js';
import { SlidingSecond, WorstSecond } from './window.js';
import { MimcEmulator } from './mimc-emulator.js';
import type { MimcEmulatorOptions } from './options.js';

interface Arrival {
  at: number;
  units: number;
}

/** Arrivals on a grid coarse enough that some are exactly a second apart. */
const arrivals = fc
  .array(fc.record({ gap: fc.constantFrom(0, 1, 125, 250, 499.5, 500, 999, 1000, 1001, 5000), units: fc.nat(20) }))
  .map((steps) => {
    let at = 0;
    return steps.map(({ gap, units }): Arrival => ({ at: (at += gap), units }));
  });

function unitsFrom(all: readonly Arrival[], from: number): number {
  return all.reduce((sum, { at, units }) => (at >= from && at < from + 1000 ? sum + units : sum), 0);
}

function worstOf(all: readonly Arrival[]): number {
  return Math.max(0, ...all.map(({ at }) => unitsFrom(all, at)));
}

describe('the worst second', () => {
  it('is the most units of any window [t, t + 1000)', () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const worst = new WorstSecond();
        for (const { at, units } of all) worst.add(at, units);
        expect(worst.worst).toBe(worstOf(all));
      }),
    );
  });

  it('stays exact over many entries', () => {
    const window = new SlidingSecond();
    for (let at = 0; at < 20_000; at++) window.add(at, 1);
    expect(window.units(19_999)).toBe(1000);
    expect(window.units(20_500)).toBe(499);
    expect(window.units(30_000)).toBe(0);
  });
});

describe('the quota', () => {
  it('never lets more than the limit into a window, and refuses only what does not fit', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 30 }), (all, limit) => {
        const quota = new EmulatorQuota({ accountsPerSecond: limit });
        const taken: Arrival[] = [];
        for (const arrival of all) {
          const fits = unitsFrom(taken, arrival.at - 1000 + 1e-6) + arrival.units <= limit;
          expect(quota.take('accounts', arrival.units, arrival.at)).toBe(fits);
          if (fits) taken.push(arrival);
        }
        for (const { at } of taken) expect(unitsFrom(taken, at)).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

const open: MimcEmulator[] = [];

async function start(options?: MimcEmulatorOptions): Promise<MimcEmulator> {
  const emulator = await MimcEmulator.start(options);
  open.push(emulator);
  return emulator;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

async function toAccounts(emulator: MimcEmulator, count: number) {
  return push(emulator, 'p2p/more', { toAccounts: Array.from({ length: count }, (_, n) => `a${n}`) });
}

async function toTopics(emulator: MimcEmulator, count: number) {
  return push(emulator, 'p2t/more', { topicIds: Array.from({ length: count }, (_, n) => n + 1) });
}

async function push(emulator: MimcEmulator, path: string, recipients: object, fields: object = {}) {
  const body = JSON.stringify({ ...emulator.credentials, fromAccount: 'shop', msg: 'hi', ...recipients, ...fields });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${emulator.url}/api/push/${path}`, { method: 'POST', headers, body });
  const text = await response.text();
  const { code } = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: number };
  return { code, status: response.status, retryAfter: response.headers.get('retry-after') };
}

describe('an emulator with a quota', () => {
  it('charges per recipient and refuses whole requests, which then cost nothing', async () => {
    const emulator = await start({ quota: { accountsPerSecond: 10 } });
    expect((await toAccounts(emulator, 11)).code).toBe(429);
    expect((await toAccounts(emulator, 8)).code).toBe(200);
    expect((await toAccounts(emulator, 3)).code).toBe(429);
    expect((await toAccounts(emulator, 2)).code).toBe(200);
    expect(emulator.count('a0')).toBe(2);
    expect(emulator.count('a9')).toBe(0);
    expect(emulator.totals).toMatchObject({ accepted: 2, throttled: 2, refused: 0, accountsDelivered: 10 });
  });

  it('has the vendor’s limits, accounts and topics apart', async () => {
    const emulator = await start({ quota: true });
    expect((await toAccounts(emulator, 51)).code).toBe(429);
    expect((await toTopics(emulator, 21)).code).toBe(429);
    expect((await toAccounts(emulator, 50)).code).toBe(200);
    expect((await toTopics(emulator, 20)).code).toBe(200);
  });

  it('has room again a second later', async () => {
    const emulator = await start({ quota: { topicsPerSecond: 1 } });
    expect((await toTopics(emulator, 1)).code).toBe(200);
    let attempts = 0;
    while ((await toTopics(emulator, 1)).code === 429) {
      attempts++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [first, last] = emulator.requests.filter(({ accepted }) => accepted);
    expect(attempts).toBeGreaterThan(0);
    expect(Number(last?.receivedAt) - Number(first?.receivedAt)).toBeGreaterThanOrEqual(1000);
  });

  it.each<[MimcEmulatorOptions, { status: number; retryAfter: string | null }]>([
    [{}, { status: 200, retryAfter: null }],
    [{ errorStatus: 'mirror' }, { status: 429, retryAfter: null }],
    [{ throttle: { status: 429, retryAfterSeconds: 2 } }, { status: 429, retryAfter: '2' }],
    [
      { throttle: { status: 200, retryAfterSeconds: 0 }, errorStatus: 'mirror' },
      { status: 200, retryAfter: '0' },
    ],
  ])('answers a throttled request under %j', async (options, answer) => {
    const emulator = await start({ ...options, quota: { accountsPerSecond: 1 } });
    expect(await toAccounts(emulator, 2)).toEqual({ code: 429, ...answer });
  });

  it('has none unless asked', async () => {
    expect((await toAccounts(await start(), 1000)).code).toBe(200);
  });

  it('takes no quota for what a fault loses', async () => {
    const emulator = await start({ quota: { accountsPerSecond: 5 } });
    emulator.failNext([
      { kind: 'code', code: 500 },
      { kind: 'html', accepted: true },
    ]);
    await toAccounts(emulator, 3);
    await toAccounts(emulator, 3);
    expect((await toAccounts(emulator, 3)).code).toBe(429);
    expect((await toAccounts(emulator, 2)).code).toBe(200);
  });
});

describe('worstWindow', () => {
  it('counts every well-formed, authenticated push, whatever came of it', async () => {
    const emulator = await start({ quota: { accountsPerSecond: 3 } });
    await toAccounts(emulator, 3);
    await toAccounts(emulator, 4);
    emulator.failNext({ kind: 'code', code: 500 });
    await toAccounts(emulator, 5);
    await toTopics(emulator, 2);
    await push(emulator, 'p2p/more', { toAccounts: ['x'] }, { appKey: 'wrong' });
    await push(emulator, 'p2p/more', { toAccounts: [] });
    const units = [3, 4, 5];
    const all = units.map((count, n) => ({ at: emulator.requests[n]?.receivedAt ?? NaN, units: count }));
    expect(emulator.worstWindow).toEqual({ accounts: worstOf(all), topics: 2, unlimitedTopics: 0 });
  });
});
