import type { MimcPermit } from './rate-limiter.js';

/** How long units stay held after the answer, in milliseconds: the window of the quota (docs/mimc-api.md §1.4). */
export const WINDOW_MS = 1_000;

/**
 * The units of one bucket that permits hold: from admission until one second after the answer.
 *
 * A request arrives somewhere between its dispatch and its answer. Two requests whose units were not held together are
 * thus at least a second apart at the server, so that no second there sees more units than `limit`.
 */
export class QuotaWindow {
  #limit: number;
  #used = 0;
  /** Units of settled permits, in the order they settled, which is the order they expire. */
  readonly #settled = new Releases();

  /**
   * @param limit units that may be held together
   * @param onChange called when a permit was settled or cancelled
   */
  constructor(
    limit: number,
    private readonly onChange: () => void,
  ) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Changes the limit; units that are held stay held. */
  resize(limit: number): void {
    this.#limit = limit;
    this.onChange();
  }

  get used(): number {
    return this.#used;
  }

  /** When the next units come free, on the clock of `performance.now()`; `Infinity` while no permit is settled. */
  get nextReleaseAt(): number {
    return this.#settled.nextAt;
  }

  fits(units: number): boolean {
    return this.#used + units <= this.#limit;
  }

  hold(units: number): MimcPermit {
    this.#used += units;
    return new Hold(units, this);
  }

  /** Frees what expired by `now`. Nothing expires by itself, so no timer is needed while nobody waits. */
  reclaim(now: number): void {
    // None is held for longer: the clock went back, as when a test gives up a fake one.
    const ahead = this.#settled.nextAt - (now + WINDOW_MS);
    if (ahead > 0 && ahead < Infinity) this.#settled.advance(ahead);
    this.#used -= this.#settled.takeUntil(now);
  }

  /** @internal */
  expire(units: number): void {
    const now = performance.now();
    // Not left to the next admission, which may not look at the clock: what has expired would pile up.
    this.reclaim(now);
    this.#settled.push(now + WINDOW_MS, units);
    this.onChange();
  }

  /** @internal */
  free(units: number): void {
    this.#used -= units;
    this.onChange();
  }
}

class Hold implements MimcPermit {
  readonly #units: number;
  #window: QuotaWindow | undefined;

  constructor(units: number, window: QuotaWindow) {
    this.#units = units;
    this.#window = window;
  }

  settle(): void {
    this.#take()?.expire(this.#units);
  }

  cancel(): void {
    this.#take()?.free(this.#units);
  }

  /** The window, once: whatever is called after the first `settle` or `cancel` finds none. */
  #take(): QuotaWindow | undefined {
    const window = this.#window;
    this.#window = undefined;
    return window;
  }
}

/**
 * Units and the instants at which they come free, in this order. Two lists of numbers: objects would have to outlive their
 * second in memory, millions of them with a high quota, which costs the collector more than all the rest.
 */
class Releases {
  #freeAt: number[] = [];
  #units: number[] = [];
  /** Those before it have been taken. */
  #first = 0;

  /** When the next units come free; `Infinity` when there are none. */
  get nextAt(): number {
    return this.#freeAt[this.#first] ?? Infinity;
  }

  /** Adds units that come free no earlier than all before. */
  push(freeAt: number, units: number): void {
    this.#freeAt.push(freeAt);
    this.#units.push(units);
  }

  /** Takes what is free by `now`; how many units that are. */
  takeUntil(now: number): number {
    let units = 0;
    for (; this.#first < this.#units.length && this.nextAt <= now; this.#first += 1)
      units += this.#units[this.#first] ?? 0;
    if (2 * this.#first > this.#freeAt.length) this.#forget();
    return units;
  }

  /** Everything comes free `ms` earlier. */
  advance(ms: number): void {
    this.#freeAt = this.#freeAt.map((at) => at - ms);
  }

  /** Drops those that were taken: not more often than as many again have come, so that it costs each only once. */
  #forget(): void {
    this.#freeAt = this.#freeAt.slice(this.#first);
    this.#units = this.#units.slice(this.#first);
    this.#first = 0;
  }
}
