import type { MimcFailedChunk, MimcQueuedBroadcast, MimcQueuedPush } from 'nestjs-mimc/bullmq';
import { placeOf } from './chaos-audience.js';
import type { QueueChaosOptions } from './chaos-run.js';
import type { LedgerAnswer } from './emulator-process.js';
import { SINGLE } from './push-stream.js';
import { sharesOf } from './shares.js';

/** What a run left. */
export interface ChaosEvidence {
  readonly options: QueueChaosOptions;
  /** Ids of the broadcasts of equal size. */
  readonly equal: readonly string[];
  readonly broadcasts: readonly {
    readonly broadcast: MimcQueuedBroadcast;
    readonly failures: readonly MimcFailedChunk[];
  }[];
  readonly pushes: readonly MimcQueuedPush[];
  readonly ledger: LedgerAnswer;
  /** Recipients that were claimed when workers were killed or halted. */
  readonly claimed: number;
  /** Broadcasts that were seen paused. */
  readonly paused: readonly string[];
  /** What else was not as promised. */
  readonly troubles: readonly string[];
  readonly seconds: number;
}

/** What a run showed. */
export interface QueueChaosReport extends ChaosEvidence {
  /** Recipients by what was reported of them and how often the ledger holds them: 0, 1, or 2 and more. */
  readonly recipients: Table;
  readonly singles: Table;
  /** Of the units of the equal broadcasts while all of them ran. */
  readonly shares: Readonly<Record<string, number>>;
  /** Every promise that was broken; empty when all held. */
  readonly violations: readonly string[];
}

type Table = Readonly<Record<string, readonly [number, number, number]>>;

/** What a share of a third may be. */
const [LEAST, MOST] = [0.25, 0.42];

/** Broadcasts so small that a few requests which a dead worker held make the difference are not judged by their shares. */
const SHARES_FROM = 1_000;

/** Compares what the queues reported with the ledger. */
export function judge(evidence: ChaosEvidence): QueueChaosReport {
  const { broadcasts, pushes, ledger, equal, options } = evidence;
  const violations: string[] = [...evidence.troubles];
  const broken = (holds: boolean, what: string) => void (holds || violations.push(what));
  const recipients = newTable();
  for (const { broadcast, failures } of broadcasts) {
    const reported = reportedOf(broadcast, failures, broken);
    ledgerOf(ledger, broadcast.id).forEach((times, index) => count(recipients, reported[index] ?? 'nothing', times));
  }
  const singles = newTable();
  const times = ledgerOf(ledger, SINGLE);
  pushes.forEach(({ state }, index) => count(singles, state, times[index] ?? 0));

  for (const [what, table] of Object.entries({ recipients, singles })) {
    const sum = (column: 0 | 1 | 2) => Object.values(table).reduce((total, row) => total + row[column], 0);
    const cancelled = table['cancelled']?.[0] ?? 0;
    broken((table['accepted']?.[0] ?? 0) === 0, `${what}: some are reported as accepted and are not in the ledger`);
    for (const none of ['not-sent', 'cancelled', 'expired', 'refused']) {
      const [, once, twice] = table[none] ?? [0, 0, 0];
      broken(once + twice === 0, `${what}: ${once + twice} reported as ${none} are in the ledger`);
    }
    if (options.delivery === 'at-most-once') broken(sum(2) === 0, `${what}: ${sum(2)} got it twice or more`);
    else broken(sum(0) === cancelled, `${what}: ${sum(0) - cancelled} never got it`);
    for (const state of ['waiting', 'sending', 'scheduled', 'nothing']) {
      broken(table[state] === undefined, `${what}: some ended as ${state}`);
    }
  }
  const unknown = [recipients, singles].flatMap((table) => table['unknown'] ?? []).reduce((sum, n) => sum + n, 0);
  broken(
    unknown <= evidence.claimed,
    `${unknown} are unknown, and ${evidence.claimed} were in flight when workers died`,
  );
  broken(ledger.worstSecond <= options.accountsPerSecond, `the worst second had ${ledger.worstSecond} recipients`);
  const shares = sharesOf(equal.map((id) => [id, ledger.arrivals[id] ?? []]));
  for (const [id, share] of Object.entries(shares)) {
    const isFair = options.recipients < SHARES_FROM || (share >= LEAST && share <= MOST);
    broken(isFair, `broadcast ${id} had ${percent(share)} while all of them ran`);
  }
  for (const paused of evidence.paused) broken(false, `paused by itself: ${paused}`);
  return { ...evidence, recipients, singles, shares, violations };
}

/** What was reported of each recipient of a broadcast. */
function reportedOf(
  { id, counts, state }: MimcQueuedBroadcast,
  failures: readonly MimcFailedChunk[],
  broken: (holds: boolean, what: string) => void,
): string[] {
  const reported = Array.from({ length: counts.read }, () => 'accepted');
  for (const { outcome, recipients } of failures) {
    for (const index of recipients.map((account) => placeOf(account)[1])) {
      broken(reported[index] === 'accepted', `broadcast ${id}: recipient ${index} is reported twice`);
      reported[index] = outcome;
    }
  }
  const sum = (...outcomes: string[]) => reported.filter((outcome) => outcomes.includes(outcome)).length;
  const asReported = {
    ...counts,
    accepted: sum('accepted'),
    refused: sum('refused'),
    unknown: sum('unknown'),
    notSent: sum('not-sent', 'cancelled', 'expired'),
  };
  const [counted, found] = [JSON.stringify(counts), JSON.stringify(asReported)];
  broken(
    counted === found && counts.pending === 0,
    `broadcast ${id} is ${state}: counted ${counted}, reported ${found}`,
  );
  return reported;
}

function ledgerOf({ counts }: LedgerAnswer, audience: string): readonly number[] {
  return [...Buffer.from(counts[audience] ?? '', 'base64')];
}

function newTable(): Record<string, [number, number, number]> {
  return { accepted: [0, 0, 0], unknown: [0, 0, 0] };
}

function count(table: Record<string, [number, number, number]>, row: string, times: number): void {
  const cells = (table[row] ??= [0, 0, 0]);
  cells[Math.min(times, 2) as 0 | 1 | 2] += 1;
}

/** The report as text. */
export function printReport(report: QueueChaosReport): string {
  const { options, equal, ledger, recipients, singles, shares, claimed, violations } = report;
  const { delivery, disturbances, workers, accountsPerSecond } = options;
  const happened = [...new Set(disturbances)].map((kind) => {
    const times = disturbances.filter((other) => other === kind).length;
    return times === 1 ? kind : `${kind} × ${times}`;
  });
  const row = (cells: readonly unknown[]) =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(28) : String(cell).padStart(10))).join('');
  const rows = (what: string, table: Table) =>
    Object.entries(table).map(([name, cells]) => row([`${what} ${name}`, ...cells]));
  return [
    `${delivery}: ${equal.length} broadcasts to ${options.recipients} and one to half as many, ${report.pushes.length} single pushes, ` +
      `${workers} workers, ${accountsPerSecond} a second, ${report.seconds.toFixed(1)} s`,
    `disturbances: ${happened.join(', ')}`,
    row(['in the ledger', '0', '1', '2+']),
    ...rows('broadcasts:', recipients),
    ...rows('single pushes:', singles),
    `in flight when workers were killed or halted: at most ${claimed} recipients`,
    `worst second: ${ledger.worstSecond} of ${accountsPerSecond}; requests throttled: ${ledger.throttled}`,
    `shares of the equal broadcasts while all ran: ${Object.values(shares).map(percent).join(', ')}`,
    ...(violations.length === 0 ? ['all promises held'] : violations.map((violation) => `VIOLATION: ${violation}`)),
  ].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
