import { type BroadcastProgress, settledOf } from '../broadcasts/broadcast-state.js';

const BAR_WIDTH = 24;
/** The rate is measured over this time, so that a pause shows, but not long after it. */
const RATE_OVER_MS = 10_000;

const whole = new Intl.NumberFormat('en');

/** Recipients per second, from samples of the settled count. */
export class RateMeter {
  readonly #samples: { at: number; settled: number }[] = [];

  /** Takes a sample, `at` in milliseconds; undefined until there are enough samples. */
  rate(settled: number, at: number): number | undefined {
    this.#samples.push({ at, settled });
    while ((this.#samples[1]?.at ?? at) <= at - RATE_OVER_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (first === undefined || at - first.at < 1_000) return undefined;
    return ((settled - first.settled) * 1_000) / (at - first.at);
  }
}

/** `[######------]  52.4 %  5,240/10,000  48/s  ETA 1 min 39 s`, followed by the failures. */
export function progressLine(progress: BroadcastProgress, total: number, rate: number | undefined): string {
  const settled = settledOf(progress);
  const share = Math.min(1, settled / total);
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
  // Rounded down: 100 % means that every recipient is settled.
  const percent = (Math.floor(share * 1_000) / 10).toFixed(1).padStart(5);
  const parts = [bar, `${percent} %`, `${whole.format(settled)}/${whole.format(total)}`];
  if (rate !== undefined) parts.push(`${whole.format(Math.round(rate))}/s`);
  if (rate !== undefined && rate > 0 && settled < total) parts.push(`ETA ${duration((total - settled) / rate)}`);
  return [...parts, ...troubles(progress)].join('  ');
}

/** The counts of failures that are not zero. */
export function troubles({ refused, unknown, invalid, notSent }: BroadcastProgress): string[] {
  return Object.entries({ refused, unknown, invalid, 'not sent': notSent })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${whole.format(count)} ${name}`);
}

/** `5 h 33 min`, `1 min 39 s`, `7 s`. */
export function duration(seconds: number): string {
  const all = Math.ceil(seconds);
  const [h, min, s] = [Math.floor(all / 3_600), Math.floor(all / 60) % 60, all % 60];
  if (h > 0) return `${h} h ${min} min`;
  return min > 0 ? `${min} min ${s} s` : `${s} s`;
}
