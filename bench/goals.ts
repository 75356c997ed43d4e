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
  /** Whether it depends on the machine, so that a baseline cannot hold it. */
  absolute?: true;
}

const MANY = '50 in flight';
const ONE = 'one at a time';
const WIDE = 'broadcast to five times as many';

/** Those that could be computed. */
export function goals(results: Results): Goal[] {
  const of = (section: string, row: string, figure: string) => results.get(section)?.get(row)?.[figure] ?? Number.NaN;
  const ratio = (section: string, row: string, base: string, figure: string) =>
    of(section, row, figure) / of(section, base, figure);
  const overhead = of(MANY, 'toAccounts of 1000', 'cpu') - of(MANY, 'undici to 1000', 'cpu');
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
      value: overhead / of(MANY, 'JSON.stringify of 1000', 'cpu'),
      atMost: 0.5,
    },
    {
      name: 'limiter idle, µs',
      value: of('limiter', 'SlidingWindowLimiter, idle', 'cpu'),
      atMost: 0.5,
      absolute: true,
    },
    {
      name: 'limiter with 100000 waiting, µs',
      value: of('limiter', 'SlidingWindowLimiter, 100000 waiting', 'cpu'),
      atMost: 2,
      absolute: true,
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
    {
      name: 'broadcast to five times as many over broadcast, peak RSS',
      value: of(WIDE, 'library, pages', 'rss') / of('broadcast', 'library, pages', 'rss'),
      atMost: 1.05,
    },
    { name: 'cold start, both over peers, wall', value: ratio('cold start', 'both', 'peers', 'wall'), atMost: 1.1 },
    { name: 'cold start, both over peers, CPU', value: ratio('cold start', 'both', 'peers', 'cpu'), atMost: 1.1 },
    { name: 'optional peers loaded', value: of('optional peers', 'barred', 'loaded'), atMost: 0, absolute: true },
  ];
  return all.filter(({ value }) => !Number.isNaN(value));
}

export function isMet({ value, atMost = Infinity, atLeast = -Infinity }: Goal): boolean {
  return value <= atMost && value >= atLeast;
}

/** The ratios, which can be compared between machines. */
export function ratiosOf(all: readonly Goal[]): Record<string, number> {
  const ratios = all.filter(({ absolute }) => absolute === undefined);
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
