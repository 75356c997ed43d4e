import { MimcError } from '../errors/mimc-error.js';
import type { AbortWatch } from './abort-watch.js';
import { Alarm, Ringable } from './alarm.js';
import type { MimcAcquireOptions, MimcLane, MimcPermit } from './rate-limiter.js';

/** Where a call waits. */
export interface WaiterHost {
  readonly aborts: AbortWatch;
  /** Rejects `waiter`, which gives up, and lets those behind it move up. */
  abandon(waiter: Waiter, reason: unknown): void;
}

/** A call that waits for units: one link of its lane. A hundred thousand may wait, so it holds little. */
export class Waiter {
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  readonly lane: MimcLane;
  readonly ignoresMaxQueued: boolean;
  readonly #patience: Patience | undefined;

  constructor(
    host: WaiterHost,
    readonly units: number,
    { lane, signal, deadlineAt, ignoresMaxQueued = false }: MimcAcquireOptions,
    readonly resolve: (permit: MimcPermit) => void,
    readonly reject: (reason: unknown) => void,
  ) {
    this.lane = lane;
    this.ignoresMaxQueued = ignoresMaxQueued;
    const isPatient = signal === undefined && deadlineAt === undefined;
    this.#patience = isPatient ? undefined : new Patience(host, this, signal, deadlineAt);
  }

  get signal(): AbortSignal | undefined {
    return this.#patience?.signal;
  }

  get deadlineAt(): number {
    return this.#patience?.deadlineAt ?? Infinity;
  }

  /** Why it may not be admitted any more, if so: its own listener or timer may be due only after somebody else's. */
  overBy(now: number): unknown {
    return this.#patience?.overBy(now);
  }

  /** It waits no more. */
  rest(): void {
    this.#patience?.end();
  }
}

/** What ends a wait from outside: the caller's signal, or its deadline. */
class Patience implements Ringable {
  readonly #alarm: Alarm | undefined;
  readonly #giveUp = () => this.host.abandon(this.waiter, this.signal?.reason);

  constructor(
    private readonly host: WaiterHost,
    private readonly waiter: Waiter,
    readonly signal: AbortSignal | undefined,
    readonly deadlineAt = Infinity,
  ) {
    if (signal !== undefined) host.aborts.add(signal, this.#giveUp);
    if (deadlineAt < Infinity) {
      this.#alarm = new Alarm(this);
      this.#alarm.set(deadlineAt, performance.now());
    }
  }

  overBy(now: number): unknown {
    if (this.signal?.aborted === true) return this.signal.reason;
    return now >= this.deadlineAt ? deadlinePassed() : undefined;
  }

  /** The deadline passed. */
  ring(): void {
    this.host.abandon(this.waiter, deadlinePassed());
  }

  end(): void {
    this.#alarm?.set(Infinity, 0);
    if (this.signal !== undefined) this.host.aborts.remove(this.signal, this.#giveUp);
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
