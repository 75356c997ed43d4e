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
 * How often a process with open permits declares them. After Redis lost data it grants nothing for a second; this is well
 * below that, so all permits are declared again before the next grant.
 */
const HEARTBEAT_MS = 300;

/** How soon a settlement is reported: long before its units are free, so that other processes know in time when that is. */
const REPORT_MS = 100;

/** Settlements this close together are merged, at the time of the last, which bounds how many an exchange reports. */
const SETTLED_TOGETHER_MS = 5;

/** The longest penalty shared with other processes, in milliseconds: a day. */
const MAX_PENALTY_MS = 86_400_000;

const LANES = ['interactive', 'bulk'] as const;

/** The limiter of this process alone, for the time in which Redis is away. */
export interface OwnShare {
  readonly limiter: SlidingWindowLimiter;
  readonly limit: number;
}

/** The longest time a permit may be open, and Redis may take to answer, in milliseconds. */
export interface BucketTimes {
  readonly leaseMs: number;
  readonly answerMs: number;
}

/**
 * One quota as this process sees it: its two lanes, the units it holds, and the last answer of Redis.
 *
 * It runs one exchange with Redis at a time; changes during an exchange go into the next one. Each exchange declares the
 * total of open units, independent of earlier ones. So the next exchange corrects a lost answer, a command that was sent
 * twice and the loss of keys.
 */
export class RedisBucket implements LaneHost, AlarmListener {
  readonly #lanes: Record<MimcLane, RedisLane> = { interactive: new RedisLane(this), bulk: new RedisLane(this) };
  readonly #alarm = new Alarm(this);
  /** Units of permits that are not settled. */
  #open = 0;
  /** Settlements that Redis may not know yet. */
  #settled: Settlement[] = [];
  #usedUnits = 0;
  #askedAt = -Infinity;
  #heardAt = -Infinity;
  /** Until then Redis may hold units granted by an exchange whose answer was lost. */
  #owedUntil = -Infinity;
  /** When a penalty ends that began in this process, and the one that Redis reported. */
  #ownResumesAt = -Infinity;
  #sharedResumesAt = -Infinity;
  #exchanging: Promise<void> | undefined;
  #isChanged = false;
  /** Set while an answer is overdue: the error with which calls are refused. */
  #overdue: MimcError | undefined;
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
   * The earliest time at which a new call could be admitted, provided that every reply is immediate and no call ahead of it
   * gives up: at most `limit` units are admitted in any second.
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

  /** Rejects each waiting call with a new `reason()`. Resolves once Redis has all settlements so far. */
  async close(reason: () => unknown): Promise<void> {
    for (const waiter of this.#takeAll()) waiter.reject(reason());
    // Also while the first exchange is in flight, as Redis may grant it.
    if (this.#exchanging !== undefined || this.#heardAt > -Infinity) this.exchange();
    this.#isClosed = true;
    await this.#exchanging;
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

  /** On the alarm: admits calls whose units are free; asks again, or declares open permits and settlements, when due. */
  ring(now: number): void {
    for (const lane of LANES) this.#lanes[lane].admit(now);
    if (this.#exchanging === undefined && now >= this.#exchangeAt) this.exchange();
    this.#setAlarm(now);
  }

  exchange(): void {
    if (this.#isClosed) return;
    this.#isChanged = true;
    if (this.#overdue !== undefined) this.#away(this.#overdue);
    this.#exchanging ??= this.#exchangeAll();
  }

  async #exchangeAll(): Promise<void> {
    // Calls made in the same turn share one exchange.
    await Promise.resolve();
    while (this.#isChanged) {
      this.#isChanged = false;
      await this.#exchangeOnce();
    }
    this.#exchanging = undefined;
    this.#setAlarm(performance.now());
  }

  async #exchangeOnce(): Promise<void> {
    const askedAt = performance.now();
    // Units settled longer ago are free.
    const settled = this.#settled.filter(({ at }) => askedAt - at < WINDOW_MS);
    const timer = setTimeout(() => setImmediate(onOverdue), this.times.answerMs);
    let hasAnswered = false;
    // setImmediate first lets the event loop read a reply that is already in the socket.
    const onOverdue = () => {
      if (!hasAnswered) this.#away((this.#overdue = redisAway(`no answer within ${this.times.answerMs} ms`)));
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
      hasAnswered = true;
      this.#overdue = undefined;
      if (reply !== undefined) return this.#heard(reply, askedAt);
      this.#settled.unshift(...settled);
      this.#isChanged = true;
    } catch (error) {
      this.#settled.unshift(...settled);
      this.#owedUntil = performance.now() + this.times.leaseMs + WINDOW_MS;
      this.#away(error);
    } finally {
      hasAnswered = true;
      this.#overdue = undefined;
      clearTimeout(timer);
    }
  }

  /**
   * An answer that is read late, because the event loop was blocked or the process was halted, grants nothing: the lease
   * may have ended. The next exchange does not declare those units, which returns them.
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

  /** Redis is away: rejects all waiting calls, or passes them to the limiter of this process. */
  #away(reason: unknown): void {
    // The share bridges the time until Redis answers again; it does not replace a Redis that refuses for good.
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

  /** When the next exchange is due: to ask again, to declare open units, to report settlements, or to return units owed. */
  get #exchangeAt(): number {
    const { interactive, bulk } = this.#lanes;
    const isHeld = this.#open > 0 || this.#askedAt < this.#owedUntil;
    const heartbeatAt = isHeld ? this.#askedAt + HEARTBEAT_MS : Infinity;
    const reportAt = Math.max(this.#askedAt, this.#settled[0]?.at ?? Infinity) + REPORT_MS;
    return Math.min(interactive.retryAt, bulk.retryAt, heartbeatAt, reportAt);
  }

  #setAlarm(now: number): void {
    const readyAt = Math.min(...LANES.map((lane) => this.#lanes[lane].readyAt));
    const exchangeAt = this.#exchanging === undefined ? this.#exchangeAt : Infinity;
    this.#alarm.set(this.#isClosed ? Infinity : Math.min(readyAt, exchangeAt), now);
  }
}
