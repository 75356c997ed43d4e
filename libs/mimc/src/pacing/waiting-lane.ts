import type { Alarm } from './alarm.js';
import type { MimcLane, MimcPermit } from './rate-limiter.js';

/** A call that waits for units: one link of its lane. */
export class Waiter {
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  /** Rings at `deadlineAt`. */
  alarm: Alarm | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;

  constructor(
    readonly lane: MimcLane,
    readonly units: number,
    readonly deadlineAt: number,
    readonly signal: AbortSignal | undefined,
    readonly resolve: (permit: MimcPermit) => void,
    readonly reject: (reason: unknown) => void,
  ) {}
}

/** Calls in the order they came. Linked both ways, so that one in the middle leaves as cheaply as the head. */
export class WaitingLane {
  #head: Waiter | undefined;
  #tail: Waiter | undefined;
  #size = 0;
  #units = 0;

  get head(): Waiter | undefined {
    return this.#head;
  }

  get size(): number {
    return this.#size;
  }

  /** Units of all that wait. */
  get units(): number {
    return this.#units;
  }

  push(waiter: Waiter): void {
    waiter.previous = this.#tail;
    if (this.#tail === undefined) this.#head = waiter;
    else this.#tail.next = waiter;
    this.#tail = waiter;
    this.#size += 1;
    this.#units += waiter.units;
  }

  /** Takes out `waiter`, which must be in this lane. */
  remove(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.#size -= 1;
    this.#units -= waiter.units;
  }
}
