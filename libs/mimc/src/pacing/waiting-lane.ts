import { MimcError } from '../errors/mimc-error.js';
import type { AbortWatch } from './abort-watch.js';
import { Alarm, AlarmListener } from './alarm.js';
import type { MimcAcquireOptions, MimcLane, MimcPermit } from './rate-limiter.js';

/** Where a call waits. */
export interface WaiterHost {
  readonly aborts: AbortWatch;
  /** Rejects `waiter`, which gives up, and lets those behind it move up. */
  abandon(waiter: Waiter, reason: unknown): void;
}

/** A call that waits for units: one link of its lane. A hundred thousand may wait, so it holds little. */
export class Waiter implements AlarmListener {
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  readonly lane: MimcLane;
  readonly ignoresMaxQueued: boolean;
  readonly signal: AbortSignal | undefined;
  readonly deadlineAt: number;
  readonly #host: WaiterHost;
  readonly #onAbort: (() => void) | undefined;
  readonly #deadline: Alarm | undefined;

  constructor(
    host: WaiterHost,
    readonly units: number,
    { lane, signal, deadlineAt = Infinity, ignoresMaxQueued = false }: MimcAcquireOptions,
    readonly resolve: (permit: MimcPermit) => void,
    readonly reject: (reason: unknown) => void,
  ) {
    this.#host = host;
    this.lane = lane;
    this.ignoresMaxQueued = ignoresMaxQueued;
    this.signal = signal;
    this.deadlineAt = deadlineAt;
    if (signal !== undefined) {
      this.#onAbort = () => host.abandon(this, signal.reason);
      host.aborts.add(signal, this.#onAbort);
    }
    if (deadlineAt === Infinity) return;
    this.#deadline = new Alarm(this);
    this.#deadline.set(deadlineAt, performance.now());
  }

  /** Why it may not be admitted any more, if so: its own listener or timer may be due only after somebody else's. */
  endedBy(now: number): unknown {
    if (this.signal?.aborted === true) return this.signal.reason;
    return now >= this.deadlineAt ? deadlinePassed() : undefined;
  }

  /** The deadline passed. */
  ring(): void {
    this.#host.abandon(this, deadlinePassed());
  }

  /** It waits no more. */
  end(): void {
    this.#deadline?.set(Infinity, 0);
    if (this.signal !== undefined && this.#onAbort !== undefined) this.#host.aborts.remove(this.signal, this.#onAbort);
  }
}

function deadlinePassed(): MimcError {
  return new MimcError({
    code: 'MIMC_DEADLINE',
    outcome: 'not-sent',
    message: 'The deadline passed while the call waited for quota',
  });
}

/** Calls in the order they came. Linked both ways, so that one in the middle leaves as cheaply as the head. */
export class WaitingLane {
  #head: Waiter | undefined;
  #tail: Waiter | undefined;
  #size = 0;
  #counted = 0;
  #units = 0;

  get head(): Waiter | undefined {
    return this.#head;
  }

  get size(): number {
    return this.#size;
  }

  /** Those that `maxQueued` bounds. */
  get counted(): number {
    return this.#counted;
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
    if (!waiter.ignoresMaxQueued) this.#counted += 1;
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
    if (!waiter.ignoresMaxQueued) this.#counted -= 1;
    this.#units -= waiter.units;
  }
}
