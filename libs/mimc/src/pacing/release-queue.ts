/** Room for so many entries at first; it doubles when they do not fit. */
const FIRST_CAPACITY = 64;

/**
 * Units and the instants at which they come free, in this order: a ring in two arrays of numbers. Objects would have to
 * outlive their second in memory, millions of them with a high quota, which costs the collector more than all the rest.
 */
export class ReleaseQueue {
  #freeAt = new Float64Array(FIRST_CAPACITY);
  #units = new Float64Array(FIRST_CAPACITY);
  #first = 0;
  #size = 0;

  /** When the next units come free; `Infinity` when there are none. */
  get nextAt(): number {
    return this.#size === 0 ? Infinity : (this.#freeAt[this.#first] as number);
  }

  /** Adds units that come free no earlier than all before. */
  push(freeAt: number, units: number): void {
    if (this.#size === this.#freeAt.length) this.#grow();
    const last = (this.#first + this.#size) & (this.#freeAt.length - 1);
    this.#freeAt[last] = freeAt;
    this.#units[last] = units;
    this.#size += 1;
  }

  /** Takes what is free by `now`; how many units that are. */
  takeUntil(now: number): number {
    let units = 0;
    while (this.#size > 0 && this.nextAt <= now) {
      units += this.#units[this.#first] as number;
      this.#first = (this.#first + 1) & (this.#freeAt.length - 1);
      this.#size -= 1;
    }
    return units;
  }

  /** Everything comes free `ms` earlier. */
  advance(ms: number): void {
    for (let n = 0; n < this.#size; n += 1) {
      const index = (this.#first + n) & (this.#freeAt.length - 1);
      this.#freeAt[index] = (this.#freeAt[index] as number) - ms;
    }
  }

  #grow(): void {
    this.#freeAt = this.#unrolled(this.#freeAt);
    this.#units = this.#unrolled(this.#units);
    this.#first = 0;
  }

  /** The ring from its first entry on, with as much room again behind it. */
  #unrolled(ring: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
    const larger = new Float64Array(ring.length * 2);
    larger.set(ring.subarray(this.#first));
    larger.set(ring.subarray(0, this.#first), ring.length - this.#first);
    return larger;
  }
}
