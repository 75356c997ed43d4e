import type { MimcAcquireOptions, MimcPermit } from '../../index.js';
import { AbortWatch, Alarm, AlarmListener, Waiter, WaiterHost, WaitingLane, notSent } from '../../internals.js';
import type { Admission, LaneKey } from './redis-quota.js';

/** Calls that ask at a time, so that a row of small ones does not cost a round trip each. */
const MOST_AT_ONCE = 16;

/** What a lane needs of its bucket. */
export interface LaneHost {
  /** When admission goes on after a penalty, on the clock of `performance.now()`. */
  readonly resumesAt: number;
  /** A name for the permit of a call. */
  permitId(units: number): string;
  ask(lane: LaneKey, permits: readonly string[], behind: number): Promise<Admission>;
  /** Makes the permit that Redis granted. */
  granted(id: string, units: number): MimcPermit;
  /** Gives back what Redis granted to calls that are gone. */
  giveBack(permits: readonly string[]): void;
  leave(lane: LaneKey): void;
  /** Redis is away: does what is done then with calls that wait. */
  away(waiters: readonly Waiter[], error: unknown): void;
}

/**
 * The calls of this process that wait in one lane. Only its first calls ask Redis, one question at a time, and again at
 * the time that Redis names; so they are admitted in their order.
 */
export class SharedLane implements AlarmListener, WaiterHost {
  readonly #queue = new WaitingLane();
  readonly #waiting = new Set<Waiter>();
  readonly aborts = new AbortWatch();
  readonly #alarm = new Alarm(this);
  #asking = false;
  /** Before when the head cannot be granted, as Redis said. */
  #notBefore = -Infinity;

  constructor(
    private readonly host: LaneHost,
    private readonly key: LaneKey,
  ) {}

  get size(): number {
    return this.#queue.size;
  }

  /** Those that `maxQueued` bounds. */
  get counted(): number {
    return this.#queue.counted;
  }

  /** Units of all that wait. */
  get units(): number {
    return this.#queue.units;
  }

  /** Before when a call that comes now cannot be granted; the past when nothing is known. */
  get notBefore(): number {
    return this.#queue.size === 0 ? -Infinity : this.#notBefore;
  }

  wait(units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this, units, options, resolve, reject);
      this.#queue.push(waiter);
      this.#waiting.add(waiter);
      if (this.#queue.size === 1) this.#ask();
    });
  }

  /** Asks at once, as something changed. */
  wake(): void {
    if (this.#queue.size > 0) this.#ask();
  }

  close(reason: () => unknown): void {
    for (const waiter of this.#takeAll()) waiter.reject(reason());
    this.#alarm.set(Infinity, 0);
  }

  /** The alarm: Redis may have an answer now. */
  ring(): void {
    this.#ask();
  }

  /** A call that waits gives up. */
  abandon(waiter: Waiter, reason: unknown): void {
    const wasHead = this.#queue.head === waiter;
    this.#reject(waiter, reason);
    if (!wasHead || this.#asking) return;
    if (this.#queue.size > 0) return this.#ask();
    this.#alarm.set(Infinity, 0);
    this.host.leave(this.key);
  }

  #ask(): void {
    if (this.#asking || this.#queue.size === 0) return;
    const now = performance.now();
    this.#notBefore = -Infinity;
    this.#alarm.set(now < this.host.resumesAt ? this.host.resumesAt : Infinity, now);
    if (now < this.host.resumesAt) return;
    void this.#askFor(this.#first(MOST_AT_ONCE));
  }

  async #askFor(asked: readonly (readonly [Waiter, string])[]): Promise<void> {
    const permits = asked.map(([, id]) => id);
    const behind = asked.reduce((units, [waiter]) => units - waiter.units, this.#queue.units);
    this.#asking = true;
    try {
      const admission = await this.host.ask(this.key, permits, behind);
      this.#asking = false;
      this.#answered(asked, admission);
    } catch (error) {
      this.#asking = false;
      this.host.away(this.#takeAll(), error);
    }
  }

  #answered(asked: readonly (readonly [Waiter, string])[], admission: Admission): void {
    const useless: string[] = [];
    for (const [waiter, id] of asked.slice(0, admission.granted)) {
      if (this.#canUse(waiter)) {
        this.#remove(waiter);
        waiter.resolve(this.host.granted(id, waiter.units));
      } else useless.push(id);
    }
    if (useless.length > 0) this.host.giveBack(useless);
    const { head } = this.#queue;
    if (head === undefined) {
      if (admission.granted < asked.length) this.host.leave(this.key);
      return;
    }
    if (useless.length > 0 || head !== asked[admission.granted]?.[0]) return this.#ask();
    const now = performance.now();
    this.#notBefore = now + admission.earliestInMs;
    this.#alarm.set(now + admission.retryInMs, now);
    if (head.deadlineAt <= this.#notBefore) this.abandon(head, deadlineOutOfReach());
  }

  /** Whether a call can still use its grant: much may have happened while Redis answered. */
  #canUse(waiter: Waiter): boolean {
    const now = performance.now();
    if (!this.#waiting.has(waiter)) return false;
    const reason = waiter.endedBy(now);
    if (reason === undefined) return now >= this.host.resumesAt;
    this.#reject(waiter, reason);
    return false;
  }

  /** The first calls, each with a new name for its permit: what was asked before may yet be given back. */
  #first(most: number): (readonly [Waiter, string])[] {
    const first: (readonly [Waiter, string])[] = [];
    for (let waiter = this.#queue.head; waiter !== undefined && first.length < most; waiter = waiter.next) {
      first.push([waiter, this.host.permitId(waiter.units)]);
    }
    return first;
  }

  #remove(waiter: Waiter): void {
    this.#queue.remove(waiter);
    this.#waiting.delete(waiter);
    waiter.end();
  }

  #reject(waiter: Waiter, reason: unknown): void {
    this.#remove(waiter);
    waiter.reject(reason);
  }

  #takeAll(): Waiter[] {
    const waiters = [...this.#waiting];
    for (const waiter of waiters) this.#remove(waiter);
    return waiters;
  }
}

function deadlineOutOfReach() {
  return notSent('MIMC_DEADLINE', 'The quota cannot admit the call before its deadline');
}
