import type { MimcDelivery } from 'nestjs-mimc';
import type { MimcFailedChunk, MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { indexOf } from './chaos-audience.js';

/** What a run showed. */
export interface BroadcastChaosReport {
  readonly delivery: MimcDelivery;
  readonly broadcast: MimcQueuedBroadcast;
  /** Recipients by what was reported of them and how often the ledger holds them: 0, 1, or 2 and more. */
  readonly table: Readonly<Record<Reported, readonly [number, number, number]>>;
  readonly kills: number;
  readonly freezes: number;
  readonly seconds: number;
  /** Every promise that was broken; empty when all held. */
  readonly violations: readonly string[];
}

type Reported = 'accepted' | MimcFailedChunk['outcome'];

const ROWS: readonly Reported[] = ['accepted', 'refused', 'not-sent', 'unknown', 'invalid'];

/** Compares what the queue reported with the ledger. */
export function judge(
  delivery: MimcDelivery,
  broadcast: MimcQueuedBroadcast,
  failures: readonly MimcFailedChunk[],
  ledger: Uint8Array,
): Pick<BroadcastChaosReport, 'table' | 'violations'> {
  const reported: Reported[] = Array.from(ledger, () => 'accepted');
  const violations: string[] = [];
  const broken = (holds: boolean, what: string) => holds || violations.push(what);
  for (const { outcome, recipients } of failures) {
    for (const index of recipients.map(indexOf)) {
      broken(reported[index] === 'accepted', `recipient ${index} is reported twice`);
      reported[index] = outcome;
    }
  }
  const table = Object.fromEntries(ROWS.map((row) => [row, [0, 0, 0]])) as Record<Reported, [number, number, number]>;
  ledger.forEach((times, index) => (table[reported[index] ?? 'accepted'][Math.min(times, 2) as 0 | 1 | 2] += 1));
  const sum = (row: Reported) => table[row].reduce((total, count) => total + count, 0);
  const { counts } = broadcast;
  const twice = ROWS.reduce((total, row) => total + table[row][2], 0);
  const never = ROWS.reduce((total, row) => total + table[row][0], 0);
  broken(counts.read === ledger.length && counts.pending === 0, `counts do not add up: ${JSON.stringify(counts)}`);
  broken(
    counts.accepted === sum('accepted'),
    `${counts.accepted} counted as accepted, ${sum('accepted')} not reported`,
  );
  broken(counts.unknown === sum('unknown'), `${counts.unknown} counted as unknown, ${sum('unknown')} reported`);
  broken(table.accepted[0] === 0, `${table.accepted[0]} neither in the ledger nor reported`);
  broken(table['not-sent'][1] + table['not-sent'][2] === 0, 'some reported as not sent are in the ledger');
  if (delivery === 'at-most-once') broken(twice === 0, `${twice} got it twice or more`);
  else broken(never === 0, `${never} never got it`);
  return { table, violations };
}

/** The report as text. */
export function printReport({
  delivery,
  broadcast,
  table,
  kills,
  freezes,
  seconds,
  violations,
}: BroadcastChaosReport): string {
  const row = (cells: readonly unknown[]) =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(16) : String(cell).padStart(10))).join('');
  return [
    `${delivery}: ${broadcast.counts.read} recipients, ${kills} workers killed, ${freezes} halted, one crash of Redis, ${seconds.toFixed(1)} s`,
    row(['in the ledger', '0', '1', '2+']),
    ...ROWS.map((name) => row([name, ...table[name]])),
    ...(violations.length === 0 ? ['all promises held'] : violations.map((violation) => `VIOLATION: ${violation}`)),
  ].join('\n');
}
