import type { MimcDelivery } from 'nestjs-mimc';
import type { EmulatorTotals } from 'nestjs-mimc/testing';
import type { Evidence } from './chaos-evidence.js';
import { type ChaosOutcome, type ChaosResult, OUTCOMES } from './chaos-result.js';
import { brokenRules } from './chaos-rules.js';

/** What a chaos run showed. */
export interface ChaosReport {
  readonly table: ChaosTable;
  /** Every promise that was broken, with an example; empty when all held. */
  readonly violations: readonly string[];
  readonly totals: EmulatorTotals;
  readonly seconds: number;
  /** Growth of the heap from after the first calls to after the last, in bytes. */
  readonly heapGrowth: number;
}

/** Columns: delivered no times, once, twice, more often. */
const COLUMNS = ['0', '1', '2', '3+'] as const;

/** Calls by what their caller got and how often the ledger holds them. */
export class ChaosTable {
  calls = 0;
  attempts = 0;
  readonly #cells = new Map<string, number>();
  readonly #codes = new Map<string, number>();
  readonly #broken = new Map<string, { count: number; example: string }>();

  constructor(private readonly delivery: MimcDelivery) {}

  add(result: ChaosResult, evidence: Evidence): void {
    const { outcome, code, attempts } = result;
    this.calls += 1;
    this.attempts += attempts;
    count(this.#cells, `${outcome} ${Math.min(evidence.delivered, 3)}`);
    count(this.#codes, `${outcome} ${code}`);
    for (const rule of brokenRules(this.delivery, result, evidence)) this.#break(rule, result, evidence);
  }

  /** How many calls ended so and were delivered so often (3: three times or more). */
  cell(outcome: ChaosOutcome, delivered: number): number {
    return this.#cells.get(`${outcome} ${delivered}`) ?? 0;
  }

  get violations(): string[] {
    return [...this.#broken].map(
      ([rule, { count: times, example }]) => `"${rule}" does not hold ${times} times: ${example}`,
    );
  }

  toString(): string {
    const row = (cells: readonly unknown[]) =>
      cells.map((cell, i) => String(cell)[i === 0 ? 'padEnd' : 'padStart'](i === 0 ? 16 : 8)).join('');
    const rows = OUTCOMES.map((outcome) =>
      row([outcome, ...COLUMNS.map((_, delivered) => this.cell(outcome, delivered))]),
    );
    const codes = [...this.#codes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, calls]) => `${name} ${calls}`);
    return [row(['in the ledger', ...COLUMNS]), ...rows, `codes: ${codes.join(', ')}`].join('\n');
  }

  #break(rule: string, { call, outcome, code, attempts }: ChaosResult, { delivered, arrived }: Evidence): void {
    const { endpoint, recipients } = call;
    const example = JSON.stringify({ endpoint, to: recipients[0], outcome, code, attempts, delivered, arrived });
    this.#broken.set(rule, { count: (this.#broken.get(rule)?.count ?? 0) + 1, example });
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The report as text. */
export function printReport({ table, violations, totals, seconds, heapGrowth }: ChaosReport): string {
  const { requests, faulted, aborted } = totals;
  return [
    table.toString(),
    `${table.calls} calls in ${seconds.toFixed(1)} s: ${table.attempts} attempts, ${requests} requests, ${faulted} with a fault, ${aborted} broken off`,
    `heap: ${(heapGrowth / 1024).toFixed(0)} KiB`,
    ...(violations.length === 0 ? ['all promises held'] : violations.map((violation) => `VIOLATION: ${violation}`)),
  ].join('\n');
}
