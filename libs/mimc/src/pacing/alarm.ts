/** Longest delay `setTimeout` can take, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Notified when an {@link Alarm} goes off. */
export interface AlarmListener {
  ring(now: number): void;
}

/**
 * One timer for an instant on the clock of `performance.now()`. It never rings early: Node cuts off fractions of a
 * millisecond, and its timers run on a clock of their own that may be a millisecond ahead of this one. Should the clock
 * jump back, as when a test gives up a fake one, it rings when its timer fires.
 */
export class Alarm {
  #at = Infinity;
  #setAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  /** What made the timer: those of a fake clock never run again once the real one is back. */
  #maker: unknown;
  readonly #listener: AlarmListener;

  constructor(listener: AlarmListener) {
    this.#listener = listener;
  }

  /** Rings at `at` and at no other time; `Infinity` is never, and leaves no timer. */
  set(at: number, now: number): void {
    if (at === this.#at && (at === Infinity || this.#maker === setTimeout)) return;
    clearTimeout(this.#timer);
    this.#at = at;
    if (at === Infinity) return;
    this.#setAt = now;
    this.#maker = setTimeout;
    this.#timer = setTimeout(wake, Math.min(Math.ceil(at - now), MAX_DELAY_MS), this);
  }

  /** @internal Its time may have come. */
  wake(): void {
    const at = this.#at;
    const now = performance.now();
    this.#at = Infinity;
    if (now < at && now >= this.#setAt) this.set(at, now);
    else this.#listener.ring(now);
  }
}

/** Not a closure: a hundred thousand may wait. */
function wake(alarm: Alarm): void {
  alarm.wake();
}
