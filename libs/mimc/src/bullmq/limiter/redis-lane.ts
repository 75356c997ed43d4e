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
  /** Exchanges with Redis at once, as something changed. */
  exchange(): void;
}

/** A permit for units that come free in a moment. */
interface Grant {
  readonly waiter: Waiter;
  readonly permit: MimcPermit;
  readonly readyAt: number;
  /** After this the process was halted for too long to use it. */
  readonly goodUntil: number;
}

/**
 * The calls of this process that wait in one lane. Its first calls ask Redis, which grants their units up to a tenth of a
 * second before they are free and says when to ask again; so calls are admitted in their order.
 */
export class RedisLane implements WaiterHost {
  readonly #queue = new WaitingLane();
  readonly #waiting = new Set<Waiter>();
  readonly aborts = new AbortWatch();
  /** Those of the first calls in the queue. */
  readonly #grants: Grant[] = [];
  #asked: readonly Waiter[] = [];
  /** Where the next call is in the order of all processes, according to Redis. */
  #start = '0';
  /** Before when the next call cannot be granted, according to Redis. */
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

  /** Units of all calls. */
  get units(): number {
    return this.#queue.units;
  }

  /** Before when a call that comes now cannot be granted; the past when nothing is known. */
  get notBefore(): number {
    return this.#queue.size === 0 ? -Infinity : this.#notBefore;
  }

  /** When the next call is to ask Redis again. */
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

  /** A call that waits gives up. */
  abandon(waiter: Waiter, reason: unknown): void {
    const wasNext = this.#next === waiter;
    this.#remove(waiter);
    waiter.reject(reason);
    if (wasNext) this.host.exchange();
  }

  /** The question of the first calls without a grant. */
  ask(): Question {
    const asked: Waiter[] = [];
    for (let waiter = this.#next; waiter !== undefined && asked.length < MOST_AT_ONCE; waiter = waiter.next) {
      asked.push(waiter);
    }
    this.#asked = asked;
    const backlog = this.#grants.reduce((units, { waiter }) => units - waiter.units, this.#queue.units);
    return { start: this.#start, backlog, calls: asked.map(({ units }) => units) };
  }

  /** Takes the grants, which stay good for `goodForMs` after their units are free. */
  answered({ granted, start, retryAt, notBefore }: Answer, goodForMs: number): void {
    const asked = this.#asked;
    this.#start = start;
    this.#retryAt = retryAt;
    this.#notBefore = notBefore;
    for (const [index, unitsAt] of granted.entries()) {
      const waiter = asked[index];
      // Redis counts the units of a call that gave up meanwhile until it hears of it.
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

  /** Takes out all calls. */
  takeAll(): Waiter[] {
    const waiters = [...this.#waiting];
    const grants = this.#grants.splice(0);
    for (const waiter of waiters) this.#remove(waiter);
    // Last, as this may lead back here.
    for (const { permit } of grants) permit.cancel();
    return waiters;
  }

  /** Gives up all grants: a penalty began meanwhile, or the process was halted. The calls ask again. */
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
