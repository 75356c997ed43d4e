import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { idealUnits } from '../stress/chaos/quota-run.js';
import { compiled } from '../support/compiled-processes.js';
import type { WorkerTask } from './quota-worker.js';

const LIMIT = 50;
const WORKERS = ['one', 'two', 'three'];

/** What a run showed. */
export interface SharedQuotaFigures {
  /** Accounts that arrived, of those that a perfect first in, first out window reaches with the same calls. */
  readonly arrived: number;
  readonly ideal: number;
  readonly worstWindow: number;
  readonly throttled: number;
  /** Units of each process, in the order of their names, while all three ran. */
  readonly shares: Readonly<Record<string, number>>;
  /** The same after the first was killed, when it was. */
  readonly sharesAfterKill: Readonly<Record<string, number>>;
  /** Units a second after the kill, from half a second later on. */
  readonly perSecondAfterKill: number;
}

interface Arrival {
  readonly atMs: number;
  readonly units: number;
  readonly name: string;
}

/**
 * Three processes, each with calls of 1 to 10 accounts always waiting, share 50 accounts a second for a time; the first
 * is killed (SIGKILL) after `killAfterSeconds`, if given.
 */
export async function runSharedQuota(
  redis: string,
  seconds: number,
  killAfterSeconds = Infinity,
): Promise<SharedQuotaFigures> {
  const emulator = await MimcEmulator.start({ quota: { accountsPerSecond: LIMIT } });
  const common = { redis, baseUrl: emulator.url, credentials: emulator.credentials, app: randomUUID(), seconds };
  const children = WORKERS.map((name, index) => start({ ...common, name, seed: 2_026 + index }));
  try {
    const ends = children.map((child) => once(child, 'exit'));
    await Promise.all(children.map((child) => once(child, 'message')));
    const origin = performance.now();
    for (const child of children) child.send('go');
    if (killAfterSeconds < seconds) {
      await sleep(killAfterSeconds * 1_000);
      children[0]?.kill('SIGKILL');
    }
    const codes = (await Promise.all(ends)).map(([code, signal]: unknown[]) => signal ?? code);
    const arrivals = emulator.requests.map(({ receivedAt, body }): Arrival => {
      const { toAccounts, bizType } = body as { toAccounts: unknown[]; bizType: string };
      return { atMs: receivedAt - origin, units: toAccounts.length, name: bizType };
    });
    if (codes.filter((code) => code !== 0 && code !== 'SIGKILL').length > 0)
      throw new Error(`A worker failed: ${codes.join()}`);
    return figuresOf(arrivals, emulator, seconds * 1_000, killAfterSeconds * 1_000);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await emulator.close();
  }
}

/** The figures as text. */
export function printSharedQuota(figures: SharedQuotaFigures): string {
  const { arrived, ideal, worstWindow, throttled, shares, sharesAfterKill, perSecondAfterKill } = figures;
  const list = (units: Readonly<Record<string, number>>) =>
    WORKERS.map((name) => `${name} ${units[name] ?? 0}`).join(', ');
  return [
    `accounts: ${arrived} of ${ideal} that a perfect window reaches (${((arrived / ideal) * 100).toFixed(1)} %)`,
    `worst second: ${worstWindow} accounts; throttled: ${throttled}`,
    `units of each process: ${list(shares)}`,
    ...(Number.isNaN(perSecondAfterKill)
      ? []
      : [`after one was killed: ${list(sharesAfterKill)}; ${perSecondAfterKill.toFixed(1)} a second`]),
  ].join('\n');
}

function start(task: WorkerTask): ChildProcess {
  const script = fileURLToPath(compiled('test/redis/quota-worker.ts'));
  return spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

function figuresOf(
  arrivals: readonly Arrival[],
  emulator: MimcEmulator,
  endMs: number,
  killMs: number,
): SharedQuotaFigures {
  const inTime = arrivals.filter(({ atMs }) => atMs < endMs);
  // All of them were waiting all the time; the last is repeated in case that a perfect window has room for more.
  const calls = [...inTime, ...inTime.slice(-50)].map(({ units }) => ({ atMs: 0, units, lane: 'bulk' as const }));
  const after = inTime.filter(({ atMs }) => atMs >= killMs + 500);
  return {
    arrived: sum(inTime),
    ideal: idealUnits(calls, LIMIT, endMs),
    worstWindow: emulator.worstWindow.accounts,
    throttled: emulator.totals.throttled,
    shares: byName(inTime.filter(({ atMs }) => atMs < killMs)),
    sharesAfterKill: byName(after),
    perSecondAfterKill: killMs < endMs ? sum(after) / ((endMs - killMs - 500) / 1_000) : Number.NaN,
  };
}

function byName(arrivals: readonly Arrival[]): Record<string, number> {
  return Object.fromEntries(WORKERS.map((name) => [name, sum(arrivals.filter((arrival) => arrival.name === name))]));
}

function sum(arrivals: readonly Arrival[]): number {
  return arrivals.reduce((total, { units }) => total + units, 0);
}
