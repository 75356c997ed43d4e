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
import type { RedisExchange, Reply } from './redis-exchange.js';
import { redisAway } from './limiter-errors.js';
import { type LaneHost, RedisLane } from './redis-lane.js';

const WINDOW_MS = 1_000;

/**
 * How often a process with open permits lets Redis hear of them. Well below the second for which nothing is granted after
 * Redis lost something, so that by then it has heard of all again.
 */
const HEARTBEAT_MS = 300;

/** Longest penalty that is shared, in milliseconds: a day. */
const MAX_PENALTY_MS = 86_400_000;

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
 * One quota as this process sees it: its two lanes, the units it holds, and what Redis said last.
 *
 * It exchanges all of that with Redis, one exchange at a time: what changes meanwhile goes into the next one. An exchange
 * declares how many units are open, whatever was said before. So an answer that was lost, a command that was sent twice and
 * a Redis that forgot all come right with the next exchange.
 */
export class RedisBucket implements LaneHost, AlarmListener {
  readonly #lanes: Record<MimcLane, RedisLane> = { interactive: new RedisLane(this), bulk: new RedisLane(this) };
  readonly #alarm = new Alarm(this);
  /** Units of permits that are not settled. */
  #open = 0;
  /** Units settled that Redis has not heard of, and when the last were. */
  #settled = 0;
  #settledAt = -Infinity;
  #usedUnits = 0;
  #heardAt = -Infinity;
  /** Until when Redis may hold units for what nobody heard the answer of. */
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

  /** Rejects all who wait with what `reason` makes for each. Resolves when Redis has heard of what was settled so far. */
  async close(reason: () => unknown): Promise<void> {
    for (const waiter of this.#takeAll()) waiter.reject(reason());
    if (!this.#isClosed && this.#heardAt > -Infinity) this.exchange();
    this.#isClosed = true;
    await this.#talk;
    this.#alarm.set(Infinity, 0);
  }

  granted(units: number): MimcPermit {
    this.#open += units;
    let isOpen = true;
    const end = (settled: number) => {
      if (!isOpen) return;
      isOpen = false;
      this.#ended(units, settled);
    };
    return { settle: () => end(units), cancel: () => end(0) };
  }

  /** The alarm: Redis may have an answer now, or is to hear of open permits. */
  ring(): void {
    this.exchange();
  }

  exchange(): void {
    if (this.#isClosed) return;
    this.#isChanged = true;
    if (this.#silence !== undefined) this.#away(this.#silence);
    this.#talk ??= this.#exchangeAll();
  }

  async #exchangeAll(): Promise<void> {
    while (this.#isChanged) {
      this.#isChanged = false;
      await this.#exchangeOnce();
    }
    this.#talk = undefined;
    this.#setAlarm(performance.now());
  }

  async #exchangeOnce(): Promise<void> {
    const askedAt = performance.now();
    const settled = this.#settled;
    const patience = setTimeout(() => setImmediate(tooLate), this.times.answerMs);
    let isOver = false;
    // A reply that is in the socket already is read in the turn before.
    const tooLate = () => {
      if (!isOver) this.#away((this.#silence = redisAway(`no answer within ${this.times.answerMs} ms`)));
    };
    this.#settled = 0;
    try {
      const reply = await this.redis.send({
        open: this.#open,
        settled,
        settledAgoMs: settled > 0 ? askedAt - this.#settledAt : 0,
        penaltyMs: Math.min(Math.max(0, this.#ownResumesAt - askedAt), MAX_PENALTY_MS),
        interactive: this.#lanes.interactive.ask(),
        bulk: this.#lanes.bulk.ask(),
      });
      if (reply === undefined) this.#settled += settled;
      this.#heard(reply, askedAt);
    } catch (error) {
      this.#settled += settled;
      this.#owedUntil = performance.now() + this.times.leaseMs + WINDOW_MS;
      this.#away(error);
    } finally {
      isOver = true;
      clearTimeout(patience);
      this.#silence = undefined;
    }
  }

  /**
   * An answer that came in time but is read late, as the event loop was blocked or the process frozen, grants nothing: its
   * lease may be over. The next exchange, which does not count it, gives it back.
   */
  #heard(reply: Reply | undefined, askedAt: number): void {
    const now = performance.now();
    const isLate = now - askedAt > this.times.answerMs;
    if (reply === undefined || isLate) this.#isChanged = true;
    if (reply === undefined) return;
    this.#heardAt = now;
    this.#owedUntil = -Infinity;
    this.#usedUnits = Math.min(this.limit, reply.usedUnits);
    this.#sharedResumesAt = reply.resumesAt;
    for (const lane of ['interactive', 'bulk'] as const) {
      const answer = isLate ? { ...reply[lane], granted: 0, notBefore: now } : reply[lane];
      if (this.#lanes[lane].answered(answer)) this.#isChanged = true;
    }
  }

  #ended(units: number, settled: number): void {
    this.#open -= units;
    if (settled > 0) {
      this.#settled += settled;
      this.#settledAt = performance.now();
    }
    this.exchange();
  }

  /** Redis is away: all who wait are refused, or go by the own share. */
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
    return Object.values(this.#lanes).flatMap((lane) => lane.takeAll());
  }

  /** For the next question, or for the next heartbeat while units are open or nobody knows whether they are. */
  #setAlarm(now: number): void {
    const isOpen = this.#open > 0 || this.#settled > 0 || now < this.#owedUntil;
    const heartbeatAt = isOpen ? now + HEARTBEAT_MS : Infinity;
    const { interactive, bulk } = this.#lanes;
    this.#alarm.set(this.#isClosed ? Infinity : Math.min(heartbeatAt, interactive.retryAt, bulk.retryAt), now);
  }
}
