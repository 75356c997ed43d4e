/** Longest delay `setTimeout` can take, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * One timer for an instant on the clock of `performance.now()`. It never rings early: Node cuts off fractions of a
 * millisecond, and its timers run on a clock of their own that may be a millisecond ahead of this one.
 */
export class Alarm {
  #at = Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly ring: (now: number) => void) {}

  /** Rings at `at` and at no other time; `Infinity` is never, and leaves no timer. */
  set(at: number, now: number): void {
    if (at === this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    if (at === Infinity) return;
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.ceil(at - now), MAX_DELAY_MS));
  }

  #wake(): void {
    const at = this.#at;
    const now = performance.now();
    this.#at = Infinity;
    if (now < at) this.set(at, now);
    else this.ring(now);
  }
}
