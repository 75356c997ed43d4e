import { setTimeout as sleep } from 'node:timers/promises';
import { type CallReceipt, MimcError, type MimcLane, type MimcPushService, type PushOptions } from 'nestjs-mimc';
import { type EmulatedRequest, MimcEmulator } from 'nestjs-mimc/testing';
import { bootPush, secrets } from '../../support/push-app.js';

const WINDOW_MS = 1_000;
const ACCOUNTS_PER_SECOND = 50;
const SHARE_MS = 10_000;

/** What a run of the quota showed. */
export interface QuotaFigures {
  /** Accounts that arrived, of those that a perfect window reaches on the same calls. */
  readonly arrived: number;
  readonly ideal: number;
  readonly worstWindow: Readonly<Record<'accounts' | 'topics', number>>;
  readonly throttled: number;
  /** 99th percentile of what interactive calls waited next to flat-out bulk, in milliseconds. */
  readonly interactiveP99Ms: number;
  readonly interactiveCalls: number;
  /** Median of what bulk calls waited, in milliseconds. */
  readonly bulkMedianMs: number;
  /** Least share of bulk in any 10 s: next to single calls, and next to interactive calls that are flat out too. */
  readonly bulkShare: number;
  readonly bulkShareInFlood: number;
}

/** A call to accounts, and when it is made. */
export interface PacedCall {
  readonly atMs: number;
  readonly units: number;
  readonly lane: MimcLane;
}

/**
 * Makes more calls than the quota lets through, on the real clock. To accounts: interactive singles and small batches at
 * random while chunks of 10 come so fast that some always wait. To topics: both lanes flat out.
 */
export async function runQuota(seconds: number): Promise<QuotaFigures> {
  const emulator = await MimcEmulator.start({ credentials: secrets, quota: true });
  const app = await bootPush({ baseUrl: emulator.url, deadlineMs: 600_000 });
  const calls = mixedCalls(seconds);
  const end = new AbortController();
  try {
    const beginAt = performance.now();
    const flood = floodTopics(app.push, end.signal);
    const waits = sendOnTime(app.push, calls, beginAt, end.signal);
    await sleep(beginAt + seconds * 1_000 - performance.now());
    end.abort();
    await flood;
    const waited = await waits;
    const interactive = waited.filter(({ lane }) => lane === 'interactive').map(({ queuedMs }) => queuedMs);
    const bulk = waited.filter(({ lane }) => lane === 'bulk').map(({ queuedMs }) => queuedMs);
    const inTime = emulator.requests.filter(({ receivedAt }) => receivedAt < beginAt + seconds * 1_000);
    const accounts = inTime.map(arrivalOf).filter(({ kind }) => kind === 'accounts');
    const topics = inTime.map(arrivalOf).filter(({ kind }) => kind === 'topics');
    return {
      arrived: unitsOf(accounts),
      ideal: idealUnits(calls, ACCOUNTS_PER_SECOND, seconds * 1_000),
      worstWindow: emulator.worstWindow,
      throttled: emulator.totals.throttled,
      interactiveP99Ms: percentile(interactive, 0.99),
      interactiveCalls: interactive.length,
      bulkMedianMs: percentile(bulk, 0.5),
      bulkShare: leastBulkShare(accounts),
      bulkShareInFlood: leastBulkShare(topics),
    };
  } finally {
    end.abort();
    await app.close();
    await emulator.close();
  }
}

/** The figures as text. */
export function printFigures(figures: QuotaFigures): string {
  const { arrived, ideal, worstWindow, throttled, interactiveP99Ms, interactiveCalls, bulkMedianMs } = figures;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return [
    `accounts: ${arrived} of ${ideal} that a perfect window reaches (${percent(arrived / ideal)})`,
    `worst second: ${worstWindow.accounts} accounts, ${worstWindow.topics} topics; throttled: ${throttled}`,
    `interactive: p99 of ${interactiveCalls} calls waited ${interactiveP99Ms.toFixed(0)} ms; bulk, median: ${bulkMedianMs.toFixed(0)} ms`,
    `bulk, least share of any 10 s: ${percent(figures.bulkShare)}; in a flood ${percent(figures.bulkShareInFlood)}`,
  ].join('\n');
}

/**
 * Units that a perfect window admits before `endMs`: first in, first out, replies in no time, each call at the first
 * instant at which it fits. Where a heavy call has to wait for its room, the room before it stays empty here too.
 */
export function idealUnits(calls: readonly PacedCall[], limit: number, endMs: number): number {
  const held: { units: number; freeAt: number }[] = [];
  let [now, used, admitted] = [0, 0, 0];
  for (const { atMs, units } of calls) {
    now = Math.max(now, atMs);
    for (let oldest = held[0]; oldest && (oldest.freeAt <= now || used + units > limit); oldest = held[0]) {
      now = Math.max(now, oldest.freeAt);
      used -= oldest.units;
      held.shift();
    }
    if (now >= endMs) break;
    held.push({ units, freeAt: now + WINDOW_MS });
    used += units;
    admitted += units;
  }
  return admitted;
}

/** Interactive: 20 accounts a second on average. Bulk: 10 every fifth of a second, so that its queue only grows. */
function mixedCalls(seconds: number): PacedCall[] {
  const random = lehmer(20260);
  const calls: PacedCall[] = [];
  for (let atMs = 0; atMs < seconds * 1_000; atMs += -Math.log(random()) * 80) {
    calls.push({ atMs, lane: 'interactive', units: random() < 0.8 ? 1 : 2 + Math.floor(random() * 3) });
  }
  for (let atMs = 0; atMs < seconds * 1_000; atMs += 200) calls.push({ atMs, lane: 'bulk', units: 10 });
  return calls.toSorted((a, b) => a.atMs - b.atMs);
}

/** What each call waited that was not cut off at the end. */
async function sendOnTime(
  push: MimcPushService,
  calls: readonly PacedCall[],
  beginAt: number,
  signal: AbortSignal,
): Promise<{ lane: MimcLane; queuedMs: number }[]> {
  const receipts: Promise<{ lane: MimcLane; queuedMs: number } | undefined>[] = [];
  for (const { atMs, units, lane } of calls) {
    const early = beginAt + atMs - performance.now();
    if (early > 0) await sleep(early);
    const sent = pushAccounts(push, units, { signal, priority: lane });
    receipts.push(untilAborted(sent).then((receipt) => receipt && { lane, queuedMs: receipt.timing.queuedMs }));
  }
  return (await Promise.all(receipts)).filter((receipt) => receipt !== undefined);
}

function pushAccounts(push: MimcPushService, units: number, options: PushOptions): Promise<CallReceipt> {
  const content = { msg: '{}', bizType: options.priority };
  if (units === 1) return push.toAccount({ ...content, toAccount: 'alice' }, options);
  return push.toAccounts({ ...content, toAccounts: Array.from({ length: units }, (_, i) => `member-${i}`) }, options);
}

/** Keeps both lanes full: interactive calls of 1 and bulk chunks of 4, each as soon as one before is done. */
async function floodTopics(push: MimcPushService, signal: AbortSignal): Promise<void> {
  const flood = async (units: number, priority: MimcLane) => {
    const topicIds = Array.from({ length: units }, (_, i) => i + 1);
    while (!signal.aborted)
      await untilAborted(push.toTopics({ topicIds, msg: '{}', bizType: priority }, { signal, priority }));
  };
  const lanes = [
    ...Array.from({ length: 40 }, () => flood(1, 'interactive')),
    ...Array.from({ length: 8 }, () => flood(4, 'bulk')),
  ];
  await Promise.all(lanes);
}

/** The receipt, or undefined when the run ended first. Any other failure fails the run. */
async function untilAborted(sent: Promise<CallReceipt>): Promise<CallReceipt | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (MimcError.is(error) && error.code === 'MIMC_ABORTED') return undefined;
    throw error;
  }
}

interface Arrival {
  readonly at: number;
  readonly kind: 'accounts' | 'topics';
  readonly units: number;
  readonly bulk: boolean;
}

/** `bizType` identifies the lane, as the server cannot know it. */
function arrivalOf({ receivedAt: at, endpoint, body }: EmulatedRequest): Arrival {
  const { toAccounts, topicIds, bizType } = body as { toAccounts?: unknown[]; topicIds?: unknown[]; bizType?: string };
  const kind = endpoint?.startsWith('p2p') ? 'accounts' : 'topics';
  return { at, kind, units: (toAccounts ?? topicIds)?.length ?? 1, bulk: bizType === 'bulk' };
}

function unitsOf(arrivals: readonly Arrival[]): number {
  return arrivals.reduce((sum, { units }) => sum + units, 0);
}

/** Over every 10 s that begin with an arrival and end within the run. */
function leastBulkShare(arrivals: readonly Arrival[]): number {
  const lastAt = arrivals.at(-1)?.at ?? 0;
  const windows = arrivals.filter(({ at }) => at + SHARE_MS <= lastAt);
  const shares = windows.map(({ at: from }) => {
    const within = arrivals.filter(({ at }) => at >= from && at < from + SHARE_MS);
    return unitsOf(within.filter(({ bulk }) => bulk)) / unitsOf(within);
  });
  return Math.min(...shares);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}

/** Lehmer's generator with the constants of Park and Miller; the same numbers in each run, above 0 and below 1. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
