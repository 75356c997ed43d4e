import { setImmediate } from 'node:timers';
import {
  type MimcAcquireOptions,
  MimcError,
  type MimcLane,
  type MimcLimiterStatus,
  type MimcPermit,
  type SlidingWindowLimiter,
} from '../../index.js';
import { Alarm, type AlarmListener, type Waiter } from '../../internals.js';
import type { RedisExchange, Reply, Settlement } from './redis-exchange.js';
import { redisAway } from './limiter-errors.js';
import { type LaneHost, RedisLane } from './redis-lane.js';

const WINDOW_MS = 1_000;

/**
 * How often a process with open permits declares them. Well below the second for which nothing is granted after Redis lost
 * something, so that Redis has heard of all of them by then.
 */
const HEARTBEAT_MS = 300;

/** How soon a settlement is reported: long before its units are free, so that others learn in time when that is. */
const REPORT_MS = 100;

/** Settlements within this time count as the last of them, which bounds how many an exchange reports. */
const SETTLED_TOGETHER_MS = 5;

/** Longest penalty that is shared, in milliseconds: a day. */
const MAX_PENALTY_MS = 86_400_000;

const LANES = ['interactive', 'bulk'] as const;

/** What this process may do by itself while Redis is away. */
export interface OwnShare {
  readonly limiter: SlidingWindowLimiter;
  readonly limit: number;
}

/** How long a permit may be open, and Redis may take to answer, in milliseconds. */
export interface BucketTimes {
  readonly leaseMs: number;
  readonly answerMs: number;
}

/**
 * One quota as this process sees it: its two lanes, the units it holds, and the last answer of Redis.
 *
 * It exchanges all of that with Redis, one exchange at a time: what changes meanwhile goes into the next one. An exchange
 * declares how many units are open, whatever was declared before. So an answer that was lost, a command that was sent twice
 * and a Redis that lost its keys are all put right by the next exchange.
 */
export class RedisBucket implements LaneHost, AlarmListener {
  readonly #lanes: Record<MimcLane, RedisLane> = { interactive: new RedisLane(this), bulk: new RedisLane(this) };
  readonly #alarm = new Alarm(this);
  /** Units of permits that are not settled. */
  #open = 0;
  /** Settlements that Redis may not know of. */
  #settled: Settlement[] = [];
  #usedUnits = 0;
  #askedAt = -Infinity;
  #heardAt = -Infinity;
  /** Until when Redis may hold units because of an exchange whose answer was lost. */
  #owedUntil = -Infinity;
  /** End of a penalty that began here, and of the one that Redis knows of. */
  #ownResumesAt = -Infinity;
  #sharedResumesAt = -Infinity;
  #talk: Promise<void> | undefined;
  #isChanged = false;
  /** Why calls are refused while an answer is overdue. */
  #silence: MimcError | undefined;
  #isClosed = false;

  constructor(
    private readonly name: string,
    readonly limit: number,
    private readonly redis: RedisExchange,
    private readonly times: BucketTimes,
    private readonly share: OwnShare | undefined,
  ) {}

  get resumesAt(): number {
    return Math.max(this.#ownResumesAt, this.#sharedResumesAt);
  }

  /** Calls of this process that wait in `lane` and that `maxQueued` bounds. */
  counted(lane: MimcLane): number {
    return this.#lanes[lane].counted + (this.share?.limiter.counted(this.name, lane) ?? 0);
  }

  /**
   * The earliest instant at which a call that comes now could be admitted, if every reply came at once and no call before
   * it gave up: at most `limit` units are admitted in any one second.
   */
  earliestAdmission(lane: MimcLane, units: number, now: number): number {
    const { units: before, notBefore } = this.#lanes[lane];
    const from = Math.max(now, this.resumesAt);
    return Math.max(notBefore, from + (Math.ceil((before + units) / this.limit) - 1) * WINDOW_MS);
  }

  acquire(units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    return this.#lanes[options.lane].wait(units, options);
  }

  penalize(forMs: number): void {
    if (!(forMs > 0)) return;
    this.#ownResumesAt = Math.max(this.#ownResumesAt, performance.now() + forMs);
    this.share?.limiter.penalize(this.name, forMs);
    this.exchange();
  }

  status(): MimcLimiterStatus {
    const now = performance.now();
    const own = this.share?.limiter.status(this.name);
    const heard = now - this.#heardAt < WINDOW_MS ? this.#usedUnits : 0;
    return {
      queued: this.#lanes.interactive.size + this.#lanes.bulk.size + (own?.queued ?? 0),
      usedUnits: Math.max(heard, this.#open) + (own?.usedUnits ?? 0),
      resumesInMs: Math.max(0, this.resumesAt - now),
    };
  }

  /** Rejects all waiting calls, each with what `reason` makes. Resolves when Redis knows of all settlements so far. */
  async close(reason: () => unknown): Promise<void> {
    for (const waiter of this.#takeAll()) waiter.reject(reason());
    // Also when the first exchange is in flight, which may yet be granted.
    if (this.#talk !== undefined || this.#heardAt > -Infinity) this.exchange();
    this.#isClosed = true;
    await this.#talk;
    this.#alarm.set(Infinity, 0);
  }

  granted(units: number): MimcPermit {
    this.#open += units;
    let isOpen = true;
    const end = (report: (now: number) => void) => {
      if (!isOpen) return;
      isOpen = false;
      this.#open -= units;
      report(performance.now());
    };
    return { settle: () => end((now) => this.#settle(units, now)), cancel: () => end(() => this.exchange()) };
  }

  /** The alarm: granted units are free, Redis may have an answer now, or it must hear of open permits or settlements. */
  ring(now: number): void {
    for (const lane of LANES) this.#lanes[lane].admit(now);
    if (this.#talk === undefined && now >= this.#exchangeAt) this.exchange();
    this.#setAlarm(now);
  }

  exchange(): void {
    if (this.#isClosed) return;
    this.#isChanged = true;
    if (this.#silence !== undefined) this.#away(this.#silence);
    this.#talk ??= this.#exchangeAll();
  }

  async #exchangeAll(): Promise<void> {
    // So that calls made together ask together.
    await Promise.resolve();
    while (this.#isChanged) {
      this.#isChanged = false;
      await this.#exchangeOnce();
    }
    this.#talk = undefined;
    this.#setAlarm(performance.now());
  }

  async #exchangeOnce(): Promise<void> {
    const askedAt = performance.now();
    // What was settled longer ago is free.
    const settled = this.#settled.filter(({ at }) => askedAt - at < WINDOW_MS);
    const patience = setTimeout(() => setImmediate(tooLate), this.times.answerMs);
    let isOver = false;
    // A reply that is in the socket already is read in the turn before.
    const tooLate = () => {
      if (!isOver) this.#away((this.#silence = redisAway(`no answer within ${this.times.answerMs} ms`)));
    };
    this.#askedAt = askedAt;
    this.#settled = [];
    try {
      const reply = await this.redis.send({
        open: this.#open,
        settled,
        penaltyMs: Math.min(Math.max(0, this.#ownResumesAt - askedAt), MAX_PENALTY_MS),
        interactive: this.#lanes.interactive.ask(),
        bulk: this.#lanes.bulk.ask(),
      });
      isOver = true;
      this.#silence = undefined;
      if (reply !== undefined) return this.#heard(reply, askedAt);
      this.#settled.unshift(...settled);
      this.#isChanged = true;
    } catch (error) {
      this.#settled.unshift(...settled);
      this.#owedUntil = performance.now() + this.times.leaseMs + WINDOW_MS;
      this.#away(error);
    } finally {
      isOver = true;
      this.#silence = undefined;
      clearTimeout(patience);
    }
  }

  /**
   * An answer that came in time but is read late, as the event loop was blocked or the process was halted, grants nothing:
   * its lease may be over. The next exchange, which does not count it, gives it back.
   */
  #heard(reply: Reply, askedAt: number): void {
    const now = performance.now();
    const goodForMs = askedAt + this.times.answerMs - now;
    if (goodForMs < 0) this.#isChanged = true;
    this.#heardAt = now;
    this.#owedUntil = -Infinity;
    this.#usedUnits = Math.min(this.limit, reply.usedUnits);
    this.#sharedResumesAt = reply.resumesAt;
    for (const name of LANES) {
      const answer = goodForMs < 0 ? { ...reply[name], granted: [], notBefore: now } : reply[name];
      this.#lanes[name].answered(answer, goodForMs);
      this.#lanes[name].admit(now);
    }
    this.#setAlarm(now);
  }

  #settle(units: number, now: number): void {
    const last = this.#settled.at(-1);
    if (last !== undefined && Math.floor(last.at / SETTLED_TOGETHER_MS) === Math.floor(now / SETTLED_TOGETHER_MS)) {
      last.units += units;
      last.at = now;
    } else this.#settled.push({ units, at: now });
    this.#setAlarm(now);
  }

  /** Redis is away: all waiting calls are refused, or go by the own share. */
  #away(reason: unknown): void {
    // An own share is for the time until Redis answers again, not for one that will always refuse.
    const isAway = MimcError.is(reason) && reason.code === 'MIMC_CONNECT';
    for (const waiter of this.#takeAll()) {
      const { units, lane, signal, deadlineAt, ignoresMaxQueued } = waiter;
      if (!isAway || this.share === undefined || units > this.share.limit) waiter.reject(reason);
      else {
        const admission = this.share.limiter.acquire(this.name, units, { lane, signal, deadlineAt, ignoresMaxQueued });
        admission.then(waiter.resolve, waiter.reject);
      }
    }
  }

  #takeAll(): Waiter[] {
    return LANES.flatMap((lane) => this.#lanes[lane].takeAll());
  }

  /** When to ask again, or to declare what is open, what was settled, or that nobody knows of more. */
  get #exchangeAt(): number {
    const { interactive, bulk } = this.#lanes;
    const isHeld = this.#open > 0 || this.#askedAt < this.#owedUntil;
    const heartbeatAt = isHeld ? this.#askedAt + HEARTBEAT_MS : Infinity;
    const reportAt = Math.max(this.#askedAt, this.#settled[0]?.at ?? Infinity) + REPORT_MS;
    return Math.min(interactive.retryAt, bulk.retryAt, heartbeatAt, reportAt);
  }

  #setAlarm(now: number): void {
    const readyAt = Math.min(...LANES.map((lane) => this.#lanes[lane].readyAt));
    const exchangeAt = this.#talk === undefined ? this.#exchangeAt : Infinity;
    this.#alarm.set(this.#isClosed ? Infinity : Math.min(readyAt, exchangeAt), now);
  }
}
