import type { MimcAcquireOptions, MimcPermit } from '../../index.js';
import { AbortWatch, Waiter, WaiterHost, WaitingLane, notSent } from '../../internals.js';
import type { Answer, Question } from './redis-exchange.js';

/** Calls in one request to Redis, so that many small ones do not cost a round trip each. */
const MOST_AT_ONCE = 16;

/** What a lane needs from its bucket. */
export interface LaneHost {
  /** When admission continues after a penalty, on the clock of `performance.now()`. */
  readonly resumesAt: number;
  /** Makes the permit of a call that Redis granted. */
  granted(units: number): MimcPermit;
  /** Starts an exchange with Redis at once, because something changed. */
  exchange(): void;
}

/** A permit for units that are free within 100 ms. */
interface Grant {
  readonly waiter: Waiter;
  readonly permit: MimcPermit;
  readonly readyAt: number;
  /** Later than this the permit must not be used: the process was halted for too long. */
  readonly goodUntil: number;
}

/**
 * The calls of this process that wait in one lane. Redis receives the first of them, grants their units up to 100 ms before
 * they are free, and says when to ask again. Calls are admitted in order.
 */
export class RedisLane implements WaiterHost {
  readonly #queue = new WaitingLane();
  readonly #waiting = new Set<Waiter>();
  readonly aborts = new AbortWatch();
  /** Grants of the first calls in the queue, in their order. */
  readonly #grants: Grant[] = [];
  #asked: readonly Waiter[] = [];
  /** The start tag of the next call, which Redis compares with those of other processes. */
  #start = '0';
  /** The earliest time at which Redis can grant the next call. */
  #notBefore = -Infinity;
  #retryAt = Infinity;

  constructor(private readonly host: LaneHost) {}

  get size(): number {
    return this.#queue.size;
  }

  /** Calls that `maxQueued` bounds. */
  get counted(): number {
    return this.#queue.counted;
  }

  /** Units of all waiting calls. */
  get units(): number {
    return this.#queue.units;
  }

  /** The earliest time at which a new call can be granted; in the past when nothing is known. */
  get notBefore(): number {
    return this.#queue.size === 0 ? -Infinity : this.#notBefore;
  }

  /** When to ask Redis again for the next call. */
  get retryAt(): number {
    return this.#next === undefined ? Infinity : this.#retryAt;
  }

  /** When `admit` has something to do. */
  get readyAt(): number {
    return this.#grants[0]?.readyAt ?? Infinity;
  }

  /** The first call without a grant. */
  get #next(): Waiter | undefined {
    const last = this.#grants.at(-1);
    return last === undefined ? this.#queue.head : last.waiter.next;
  }

  wait(units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this, units, options, resolve, reject);
      this.#queue.push(waiter);
      this.#waiting.add(waiter);
      if (this.#next === waiter) this.host.exchange();
    });
  }

  /** Rejects a waiting call that was aborted or is past its deadline. */
  abandon(waiter: Waiter, reason: unknown): void {
    const wasNext = this.#next === waiter;
    this.#remove(waiter);
    waiter.reject(reason);
    if (wasNext) this.host.exchange();
  }

  /** What to ask Redis: the first calls without a grant. */
  ask(): Question {
    const asked: Waiter[] = [];
    for (let waiter = this.#next; waiter !== undefined && asked.length < MOST_AT_ONCE; waiter = waiter.next) {
      asked.push(waiter);
    }
    this.#asked = asked;
    const backlog = this.#grants.reduce((units, { waiter }) => units - waiter.units, this.#queue.units);
    return { start: this.#start, backlog, calls: asked.map(({ units }) => units) };
  }

  /** Takes the grants, which are usable for `goodForMs` after their units are free. */
  answered({ granted, start, retryAt, notBefore }: Answer, goodForMs: number): void {
    const asked = this.#asked;
    this.#start = start;
    this.#retryAt = retryAt;
    this.#notBefore = notBefore;
    for (const [index, unitsAt] of granted.entries()) {
      const waiter = asked[index];
      // The call gave up in the meantime: the next exchange returns its units.
      if (waiter === undefined || !this.#waiting.has(waiter)) this.host.exchange();
      else {
        const readyAt = Math.max(unitsAt, this.#grants.at(-1)?.readyAt ?? 0);
        const permit = this.host.granted(waiter.units);
        this.#grants.push({ waiter, permit, readyAt, goodUntil: readyAt + goodForMs });
      }
    }
    const next = this.#next;
    if (next !== asked[granted.length]) this.host.exchange();
    else if (next !== undefined && next.deadlineAt <= notBefore) {
      const message = 'The quota cannot admit the call before its deadline';
      this.abandon(next, notSent('MIMC_DEADLINE', message));
    }
  }

  /** Admits the calls whose units are free by `now`. */
  admit(now: number): void {
    for (let grant = this.#grants[0]; grant !== undefined && grant.readyAt <= now; grant = this.#grants[0]) {
      const { waiter, permit, goodUntil } = grant;
      const ended = waiter.endedBy(now);
      if (ended !== undefined) this.abandon(waiter, ended);
      else if (now < this.host.resumesAt || now > goodUntil) return this.#giveBack();
      else {
        this.#grants.shift();
        this.#remove(waiter);
        waiter.resolve(permit);
      }
    }
  }

  /** Removes and returns all waiting calls. */
  takeAll(): Waiter[] {
    const waiters = [...this.#waiting];
    const grants = this.#grants.splice(0);
    for (const waiter of waiters) this.#remove(waiter);
    // Last, as `cancel` may call this method again.
    for (const { permit } of grants) permit.cancel();
    return waiters;
  }

  /** Returns all grants, because a penalty began or the process was halted. The calls ask again. */
  #giveBack(): void {
    for (const { permit } of this.#grants.splice(0)) permit.cancel();
  }

  #remove(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    this.#queue.remove(waiter);
    waiter.end();
    const index = this.#grants.findIndex((grant) => grant.waiter === waiter);
    if (index >= 0) this.#grants.splice(index, 1)[0]?.permit.cancel();
  }
}
