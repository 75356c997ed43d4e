import type { MimcDelivery, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../../support/eventually.js';
import { bootPush, type PushApp, secrets } from '../../support/push-app.js';
import { AttemptLog } from './attempt-log.js';
import { chaosCall, sendCall, SENDER } from './chaos-calls.js';
import { type Evidence, readEvidence } from './chaos-evidence.js';
import { type ChaosReport, ChaosTable } from './chaos-report.js';
import { type ChaosResult, resultOf } from './chaos-result.js';
import { MAX_ATTEMPTS } from './chaos-rules.js';
import { LeakWatch } from './leak-watch.js';
import { TelemetryWatch } from './telemetry-watch.js';
import { activeResources, heapInUse, MishapWatch, resourcesLeft } from './process-watch.js';

/** A chaos run. The same seed brings the same calls and the same faults, in the order in which requests arrive. */
export interface ChaosOptions {
  readonly seed: number;
  readonly calls: number;
  readonly inFlight: number;
  /** Share of requests that meet a fault. */
  readonly rate: number;
  readonly delivery: MimcDelivery;
  /** How much the heap may grow, in bytes. */
  readonly maxHeapGrowth: number;
}

/** Calls before the heap is measured first: by then everything is loaded and compiled. */
const WARM_UP = 300;

/**
 * Many faults leave a call without an answer, so the limits are short; but not so short that the emulator, which shares
 * this process and accepts one connection in each turn of its event loop, would miss them by itself. Quota off, for speed.
 */
const SETTINGS = {
  fromAccount: SENDER,
  quota: false,
  timeouts: { connectMs: 1_000, responseMs: 500 },
  deadlineMs: 5_000,
} as const;

const RETRY = { maxAttempts: MAX_ATTEMPTS, baseDelayMs: 5, maxDelayMs: 40 };

/** Far beyond the deadline of every call. */
const SETTLES_WITHIN_MS = 20_000;

/** Sends many calls through the real module to an emulator full of faults, and compares their results with its ledger. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const resources = activeResources();
  const mishaps = new MishapWatch();
  const leaks = new LeakWatch();
  const telemetry = new TelemetryWatch(leaks);
  try {
    const { table, heapGrowth, ...rest } = await runBetween(options, leaks);
    const violations = [
      ...table.violations,
      ...mishaps.mishaps,
      ...(await resourcesLeft(resources)).map((left) => `left open: ${left}`),
      ...missing('spans', telemetry.spans, table.calls),
      ...missing('measured calls', await telemetry.measuredCalls(), table.calls),
      ...leaks.leaks,
      ...missing('calls', leaks.ended.calls, table.calls),
      ...missing('attempts', leaks.ended.attempts, table.attempts),
      ...(heapGrowth > options.maxHeapGrowth ? [`the heap grew by ${heapGrowth} bytes`] : []),
    ];
    return { table, heapGrowth, ...rest, violations };
  } finally {
    telemetry.stop();
    leaks.stop();
    mishaps.stop();
  }
}

function missing(what: string, ended: number, expected: number): string[] {
  return ended === expected ? [] : [`${ended} ${what} were counted where there were ${expected}`];
}

async function runBetween(options: ChaosOptions, leaks: LeakWatch): Promise<Omit<ChaosReport, 'violations'>> {
  const { seed, rate, delivery } = options;
  const log = new AttemptLog();
  const emulator = await MimcEmulator.start({ credentials: secrets, chaos: { seed, rate } });
  const app = await bootPush({ ...SETTINGS, baseUrl: emulator.url, retry: { ...RETRY, delivery } });
  try {
    const results = await sendAll(app.push, options, 0, WARM_UP);
    const heapAtStart = await heapInUse();
    const began = performance.now();
    results.push(...(await sendAll(app.push, options, WARM_UP, options.calls)));
    const seconds = (performance.now() - began) / 1_000;
    await closeAll(app, emulator);
    const { totals } = emulator;
    const table = judge(results, readEvidence(emulator, log), delivery);
    for (const { error } of results) if (error !== undefined) leaks.error(error);
    for (const line of app.log) leaks.text('the log', line);
    // What the run itself remembers is not a leak.
    results.length = 0;
    log.stop();
    emulator.clear();
    return { table, totals, seconds, heapGrowth: (await heapInUse()) - heapAtStart };
  } finally {
    log.stop();
    await app.close();
    await emulator.close();
  }
}

/** Calls `from` up to but not including `to`, `inFlight` at a time. */
async function sendAll(
  push: MimcPushService,
  { seed, inFlight }: ChaosOptions,
  from: number,
  to: number,
): Promise<ChaosResult[]> {
  const results: ChaosResult[] = [];
  let next = from;
  const caller = async () => {
    while (next < to) {
      const call = chaosCall(seed, next++);
      results.push(await resultOf(call, sendCall(push, call), SETTLES_WITHIN_MS));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return results;
}

/** Closes the app and waits for its connections to end: from then on nothing can arrive. */
async function closeAll(app: PushApp, emulator: MimcEmulator): Promise<void> {
  await app.close();
  await eventually(() => {
    if (emulator.connections > 0)
      throw new Error(`${emulator.connections} connections are open after the app is closed`);
  });
}

function judge(
  results: readonly ChaosResult[],
  evidenceOf: (result: ChaosResult) => Evidence,
  delivery: MimcDelivery,
): ChaosTable {
  const table = new ChaosTable(delivery);
  for (const result of results) table.add(result, evidenceOf(result));
  return table;
}
