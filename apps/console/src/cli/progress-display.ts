import { performance } from 'node:perf_hooks';
import { type BroadcastProgress, settledOf } from '../broadcasts/broadcast-state.js';
import { progressLine, RateMeter } from './progress-line.js';

/** Where progress is shown: a terminal, or a log with one entry per line. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const CLEAR_LINE = '\r\u001B[K';

/** Shows progress: on a terminal in one line that is updated, elsewhere as a new line every few seconds. */
export class ProgressDisplay {
  readonly #meter = new RateMeter();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly out: Output,
    private readonly total: number,
    private readonly progress: () => BroadcastProgress,
  ) {}

  start(everyMs = this.out.isTTY ? 200 : 5_000): void {
    this.#show();
    this.#timer = setInterval(() => this.#show(), everyMs);
  }

  /** Writes a permanent line above the one that is updated. */
  say(line: string): void {
    this.out.write(this.out.isTTY ? `${CLEAR_LINE}${line}\n` : `${line}\n`);
    if (this.#timer !== undefined && this.out.isTTY) this.#show();
  }

  /** Shows the final state and stops updating. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    // Recipients not sent to count as left, now that nothing more is tried.
    this.#show({ ...this.progress(), notSent: 0 });
    if (this.out.isTTY) this.out.write('\n');
  }

  #show(progress = this.progress()): void {
    const rate = this.#meter.rate(settledOf(progress), performance.now());
    const line = progressLine(progress, this.total, rate);
    this.out.write(this.out.isTTY ? `${CLEAR_LINE}${line}` : `${line}\n`);
  }
}
