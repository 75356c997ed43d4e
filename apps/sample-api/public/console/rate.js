/** What is counted for the rate, in milliseconds. */
const WINDOW_MS = 5_000;

/** How fast a count grows, over the last seconds. */
export class Rate {
  #samples = [];
  #grows = false;

  /** @param {number} count so far, at `now` milliseconds */
  add(count, now) {
    // What is there at once, as the quota of the first second is, was not made in no time.
    if (!this.#grows) {
      this.#grows = this.#samples.length > 0 && count > this.#samples[0].count;
      this.#samples = [];
    }
    this.#samples.push({ count, now });
    while (this.#samples.length > 2 && now - this.#samples[1].now >= WINDOW_MS) this.#samples.shift();
  }

  /** Per second; 0 as long as nothing can be said. */
  get perSecond() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last.now === first.now) return 0;
    return ((last.count - first.count) * 1_000) / (last.now - first.now);
  }
}

/** Recipients of whom it is known what became of them. */
export function settledOf({ accepted, refused, unknown, invalid, duplicates }) {
  return accepted + refused + unknown + invalid + duplicates;
}

/** `1 min 20 s`; of what never ends, a dash. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
