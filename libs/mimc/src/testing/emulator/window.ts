const WINDOW_MS = 1000;
const COMPACT_AFTER = 1024;

/**
 * Units counted over the last second. An entry made at `t` counts in `[t, t + 1000)` milliseconds. Entries older than
 * that are dropped, so memory is bounded by what one second brings and each call costs amortised O(1).
 */
export class SlidingSecond {
  #entries: { at: number; units: number }[] = [];
  #first = 0;
  #sum = 0;

  /** Units of the second that ends at `now`; `now` must not run backwards between calls. */
  units(now: number): number {
    for (let entry = this.#entries[this.#first]; entry && now - entry.at >= WINDOW_MS;) {
      this.#sum -= entry.units;
      entry = this.#entries[++this.#first];
    }
    if (this.#first > COMPACT_AFTER && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return this.#sum;
  }

  /** Counts `units` at `now` and returns the units of the second that ends there, these included. */
  add(now: number, units: number): number {
    this.units(now);
    this.#entries.push({ at: now, units });
    return (this.#sum += units);
  }
}

/** The most units that fell into any one-second window: every such maximum is reached by a window ending at an entry. */
export class WorstSecond {
  readonly #window = new SlidingSecond();
  #worst = 0;

  /** Counts `units` that arrived at `now` milliseconds. */
  add(now: number, units: number): void {
    this.#worst = Math.max(this.#worst, this.#window.add(now, units));
  }

  get worst(): number {
    return this.#worst;
  }
}
