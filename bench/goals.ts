import type { Figures } from './measure.js';

/** The medians, by section and row. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Figures>>;

/** A figure that sums up something, and what it should be. */
export interface Goal {
  name: string;
  /** NaN when what it needs was not measured. */
  value: number;
  atMost?: number;
  atLeast?: number;
  /**
   * Whether a baseline cannot hold it: it depends on the machine, or on when garbage is collected, or is a small
   * difference of large figures.
   */
  isLoose?: true;
}

const MANY = '50 in flight';
const ONE = 'one at a time';
const BATCH = 'a batch without a network';

/** Those that could be computed. */
export function goals(results: Results): Goal[] {
  const of = (section: string, row: string, figure: string) => results.get(section)?.get(row)?.[figure] ?? Number.NaN;
  const ratio = (section: string, row: string, base: string, figure: string) =>
    of(section, row, figure) / of(section, base, figure);
  const batch = (figure: string) => of(BATCH, 'toAccounts of 1000', figure);
  const growth = (row: string) => ratio('memory', `${row} to 5M`, `${row} to 1M`, 'rss');
  const all: Goal[] = [
    { name: 'toAccount over plain loop, CPU', value: ratio(MANY, 'toAccount', 'plain loop', 'cpu'), atMost: 0.35 },
    { name: 'toAccount over node:http, CPU', value: ratio(MANY, 'toAccount', 'node:http', 'cpu'), atMost: 1 },
    { name: 'toAccount over plain loop, calls/s', value: ratio(MANY, 'toAccount', 'plain loop', 'rate'), atLeast: 3 },
    {
      name: 'toAccount over axiosRef on undici, CPU',
      value: ratio(MANY, 'toAccount', 'axiosRef on undici', 'cpu'),
      atMost: 1.15,
    },
    { name: 'toAccount, traced over toAccount, CPU', value: ratio(MANY, 'toAccount, traced', 'toAccount', 'cpu') },
    {
      name: 'toAccount over node:http one at a time, p50',
      value: ratio(ONE, 'toAccount', 'node:http', 'p50'),
      atMost: 1.15,
    },
    {
      name: 'toAccounts of 1000: all but network and JSON, over JSON.stringify',
      value: batch('rest') / batch('stringify'),
      atMost: 0.5,
      isLoose: true,
    },
    {
      name: 'toAccounts of 1000 less the same by axiosRef on undici, over JSON.stringify',
      value: batch('overBare') / batch('stringify'),
      isLoose: true,
    },
    {
      name: 'toAccounts of 1000: all but network and JSON.stringify, over JSON.stringify',
      value: (batch('rest') + batch('parse')) / batch('stringify'),
    },
    {
      name: 'limiter idle, µs',
      value: of('limiter', 'SlidingWindowLimiter, idle', 'cpu'),
      atMost: 0.5,
      isLoose: true,
    },
    {
      name: 'limiter with 100000 waiting, µs',
      value: of('limiter', 'SlidingWindowLimiter, 100000 waiting', 'cpu'),
      atMost: 2,
      isLoose: true,
    },
    {
      name: 'limiter over rate-limiter-flexible, 1000 waiting, CPU',
      value: ratio('limiter', 'SlidingWindowLimiter, 1000 waiting', 'rate-limiter-flexible, 1000 waiting', 'cpu'),
    },
    { name: 'limiter, worst window', value: of('limiter', 'SlidingWindowLimiter, worst window', 'worst'), atMost: 1 },
    {
      name: 'broadcast of ids over undici, recipients/s',
      value: ratio('broadcast', 'library, ids', 'undici, ids', 'rate'),
      atLeast: 0.7,
    },
    {
      name: 'broadcast of pages over undici, recipients/s',
      value: ratio('broadcast', 'library, pages', 'undici, pages', 'rate'),
      atLeast: 0.7,
    },
    { name: 'broadcast of pages to 5M over 1M, peak RSS', value: growth('library, pages'), atMost: 1.05 },
    { name: 'broadcast of ids to 5M over 1M, peak RSS', value: growth('library, ids'), atMost: 1.05, isLoose: true },
    { name: 'the loop over undici, pages to 5M over 1M, peak RSS', value: growth('undici, pages'), isLoose: true },
    { name: 'the loop over undici, ids to 5M over 1M, peak RSS', value: growth('undici, ids'), isLoose: true },
    {
      name: 'cold start, peers and library over peers, wall',
      value: of('cold start', 'both', 'wallRatio'),
      atMost: 1.1,
    },
    { name: 'cold start, peers and library over peers, CPU', value: of('cold start', 'both', 'cpuRatio'), atMost: 1.1 },
    { name: 'optional peers loaded', value: of('optional peers', 'barred', 'loaded'), atMost: 0, isLoose: true },
  ];
  return all.filter(({ value }) => !Number.isNaN(value));
}

export function isMet({ value, atMost = Infinity, atLeast = -Infinity }: Goal): boolean {
  return value <= atMost && value >= atLeast;
}

/** The ratios, which can be compared between machines. */
export function ratiosOf(all: readonly Goal[]): Record<string, number> {
  const ratios = all.filter(({ isLoose }) => isLoose === undefined);
  return Object.fromEntries(ratios.map(({ name, value }) => [name, Number(value.toFixed(4))]));
}

/** What is worse than in the baseline by more than `tolerance`, as sentences. */
export function regressions(all: readonly Goal[], baseline: Record<string, number>, tolerance: number): string[] {
  return all.flatMap(({ name, value, atLeast }) => {
    const before = baseline[name];
    if (before === undefined) return [];
    const worse = atLeast === undefined ? value / before : before / value;
    return worse <= 1 + tolerance ? [] : [`${name}: ${value.toFixed(3)}, was ${before.toFixed(3)}`];
  });
}
