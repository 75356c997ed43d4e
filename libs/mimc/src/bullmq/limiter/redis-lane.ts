import type { MimcAcquireOptions, MimcPermit } from '../../index.js';
import { AbortWatch, Waiter, WaiterHost, WaitingLane, notSent } from '../../internals.js';
import type { Answer, Question } from './redis-exchange.js';

/** Calls that ask at a time, so that a row of small ones does not cost a round trip each. */
const MOST_AT_ONCE = 16;

/** What a lane needs of its bucket. */
export interface LaneHost {
  /** When admission continues after a penalty, on the clock of `performance.now()`. */
  readonly resumesAt: number;
  /** Makes the permit of a call that Redis granted. */
  granted(units: number): MimcPermit;
  /** Talks to Redis at once, as something changed. */
  exchange(): void;
}

/**
 * The calls of this process that wait in one lane. Only its first calls ask Redis, and again at the time that Redis names;
 * so they are admitted in their order.
 */
export class RedisLane implements WaiterHost {
  readonly #queue = new WaitingLane();
  readonly #waiting = new Set<Waiter>();
  readonly aborts = new AbortWatch();
  #asked: readonly Waiter[] = [];
  /** Where its next call is in the order of all processes, as Redis said. */
  #start = '0';
  /** Before when the head cannot be granted, as Redis said. */
  #notBefore = -Infinity;
  /** When the head is to ask again. */
  retryAt = Infinity;

  constructor(private readonly host: LaneHost) {}

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
      if (this.#queue.size === 1) this.host.exchange();
    });
  }

  /** A call that waits gives up. */
  abandon(waiter: Waiter, reason: unknown): void {
    const wasHead = this.#queue.head === waiter;
    this.#remove(waiter);
    waiter.reject(reason);
    if (wasHead) this.host.exchange();
  }

  /** The question of the first calls. */
  ask(): Question {
    const asked: Waiter[] = [];
    for (let waiter = this.#queue.head; waiter !== undefined && asked.length < MOST_AT_ONCE; waiter = waiter.next) {
      asked.push(waiter);
    }
    this.#asked = asked;
    return { start: this.#start, backlog: this.#queue.units, calls: asked.map(({ units }) => units) };
  }

  /**
   * Admits the calls that Redis granted, except those that cannot use it any more.
   *
   * @returns whether there is something to ask at once
   */
  answered({ granted, start, retryAt, notBefore }: Answer): boolean {
    const asked = this.#asked;
    this.#start = start;
    let isChanged = false;
    for (const waiter of asked.slice(0, granted)) {
      if (this.#canUse(waiter)) {
        this.#remove(waiter);
        waiter.resolve(this.host.granted(waiter.units));
      } else isChanged = true;
    }
    const { head } = this.#queue;
    this.retryAt = head === undefined ? Infinity : retryAt;
    this.#notBefore = notBefore;
    if (isChanged || head !== asked[granted]) return true;
    if (head === undefined || head.deadlineAt > notBefore) return false;
    this.#remove(head);
    head.reject(deadlineOutOfReach());
    return true;
  }

  /** Takes out all that wait. */
  takeAll(): Waiter[] {
    const waiters = [...this.#waiting];
    for (const waiter of waiters) this.#remove(waiter);
    this.retryAt = Infinity;
    return waiters;
  }

  /** Whether a call can still use its grant: much may have happened while Redis answered. */
  #canUse(waiter: Waiter): boolean {
    const now = performance.now();
    if (!this.#waiting.has(waiter)) return false;
    const reason = waiter.endedBy(now);
    if (reason === undefined) return now >= this.host.resumesAt;
    this.#remove(waiter);
    waiter.reject(reason);
    return false;
  }

  #remove(waiter: Waiter): void {
    this.#queue.remove(waiter);
    this.#waiting.delete(waiter);
    waiter.end();
  }
}

function deadlineOutOfReach() {
  return notSent('MIMC_DEADLINE', 'The quota cannot admit the call before its deadline');
}
