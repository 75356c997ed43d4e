/** Longest delay `setTimeout` can take, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Whom an {@link Alarm} rings for. */
export interface Ringable {
  ring(now: number): void;
}

/**
 * One timer for an instant on the clock of `performance.now()`. It never rings early: Node cuts off fractions of a
 * millisecond, and its timers run on a clock of their own that may be a millisecond ahead of this one.
 */
export class Alarm {
  #at = Infinity;
  #timer: NodeJS.Timeout | undefined;
  readonly #listener: Ringable;

  constructor(listener: Ringable) {
    this.#listener = listener;
  }

  /** Rings at `at` and at no other time; `Infinity` is never, and leaves no timer. */
  set(at: number, now: number): void {
    if (at === this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    if (at === Infinity) return;
    this.#timer = setTimeout(wake, Math.min(Math.ceil(at - now), MAX_DELAY_MS), this);
  }

  /** @internal Its time may have come. */
  wake(): void {
    const at = this.#at;
    const now = performance.now();
    this.#at = Infinity;
    if (now < at) this.set(at, now);
    else this.#listener.ring(now);
  }
}

/** Not a closure: a hundred thousand may wait. */
function wake(alarm: Alarm): void {
  alarm.wake();
}
