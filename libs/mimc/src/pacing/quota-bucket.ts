import { AbortWatch } from './abort-watch.js';
import { Alarm, AlarmListener } from './alarm.js';
import { BulkShare } from './bulk-share.js';
import { QuotaWindow, WINDOW_MS } from './quota-window.js';
import type { MimcAcquireOptions, MimcLane, MimcLimiterStatus, MimcPermit } from './rate-limiter.js';
import { Waiter, WaiterHost, WaitingLane } from './waiting-lane.js';

/**
 * One quota and the calls that wait for it. Whenever something changes, calls are admitted from the head of the lane that
 * has the turn for as long as its head fits; a head that does not fit is waited for, so that small calls cannot starve
 * a large one, not even from the other lane.
 *
 * Timers run only while calls wait, and keep the process alive for them. Units that expire while no call waits are
 * reclaimed by the next one.
 */
export class QuotaBucket implements AlarmListener, WaiterHost {
  readonly #window: QuotaWindow;
  readonly #lanes: Record<MimcLane, WaitingLane> = { interactive: new WaitingLane(), bulk: new WaitingLane() };
  readonly #share = new BulkShare();
  readonly aborts = new AbortWatch();
  readonly #alarm = new Alarm(this);
  #resumesAt = -Infinity;
  #penalizedAt = -Infinity;

  /** @param limit units per second */
  constructor(limit: number) {
    this.#window = new QuotaWindow(limit, () => {
      if (this.queued > 0) this.#pump(performance.now());
    });
  }

  get limit(): number {
    return this.#window.limit;
  }

  /** Changes the units per second. A call that waits for more than that has to be ended by its owner. */
  resize(limit: number): void {
    this.#window.resize(limit);
  }

  /** Calls that wait, both lanes together. */
  get queued(): number {
    return this.#lanes.interactive.size + this.#lanes.bulk.size;
  }

  /** Calls that wait in `lane` and that `maxQueued` bounds. */
  counted(lane: MimcLane): number {
    return this.#lanes[lane].counted;
  }

  /** A permit, when the call need not wait. */
  tryAcquire(lane: MimcLane, units: number): MimcPermit | undefined {
    // Without a look at the clock, which costs more than the rest.
    const isIdle = this.queued === 0 && this.#resumesAt === -Infinity && this.#window.fits(units);
    if (isIdle) return this.#window.hold(units);
    const now = performance.now();
    // A timer may be late: those before this call go first.
    if (this.queued > 0) this.#pump(now);
    else this.#window.reclaim(now);
    if (!this.#hasResumed(now) || !this.#window.fits(units) || !this.#isFirst(lane, now)) return undefined;
    return this.#grant(lane, units, now);
  }

  /**
   * The earliest instant at which a call that must wait could be admitted, if every reply came at once, no call before
   * it gave up and every permit led to a request. At most `limit` units are admitted in any one second, because all of
   * them are still held at its end.
   */
  earliestAdmission(lane: MimcLane, units: number): number {
    const now = performance.now();
    const needed = this.#lanes[lane].units + units;
    const resumed = this.#secondsLater(this.#resumesAt, needed);
    const lacking = needed - (this.limit - this.#window.used);
    if (lacking <= 0) return resumed;
    return Math.max(resumed, this.#secondsLater(Math.min(this.#window.nextReleaseAt, now + WINDOW_MS), lacking));
  }

  /** Puts a call in its lane. It is admitted, or rejected by `signal`, its deadline or {@link close}. */
  wait(units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    const now = performance.now();
    return new Promise((resolve, reject) => {
      this.#lanes[options.lane].push(new Waiter(this, units, options, resolve, reject));
      // Not the alarm alone: the clock has moved since the call could not be admitted, and bulk may be due.
      this.#pump(now);
    });
  }

  /**
   * Admits nothing for `forMs` from now; the later end of two penalties wins. Waiting calls keep waiting until their
   * deadlines, even when the penalty outlasts them.
   */
  penalize(forMs: number): void {
    const now = performance.now();
    // An alarm set earlier may now go off too soon; it is then set again.
    if (this.#hasResumed(now) ? forMs > 0 : now + forMs > this.#resumesAt) this.#resumesAt = now + forMs;
    this.#penalizedAt = now;
  }

  status(): MimcLimiterStatus {
    const now = performance.now();
    this.#window.reclaim(now);
    this.#hasResumed(now);
    return {
      queued: this.queued,
      usedUnits: this.#window.used,
      resumesInMs: Math.max(0, this.#resumesAt - now),
    };
  }

  /** Rejects all who wait, in their order, with what `reason` makes for each. */
  close(reason: () => unknown): void {
    for (const lane of Object.values(this.#lanes)) {
      for (let head = lane.head; head !== undefined; head = lane.head) this.#reject(head, reason());
    }
    this.#alarm.set(Infinity, 0);
  }

  /** The alarm: something may have changed by time alone. */
  ring(now: number): void {
    this.#pump(now);
  }

  /** A call that waits gives up. */
  abandon(waiter: Waiter, reason: unknown): void {
    this.#reject(waiter, reason);
    this.#pump(performance.now());
  }

  /** Admits every call that can be admitted now, and sets the timer for the next instant at which another one may be. */
  #pump(now: number): void {
    this.#window.reclaim(now);
    while (this.#hasResumed(now)) {
      const { head } = this.#turn(now);
      if (head === undefined) break;
      const reason = head.endedBy(now);
      if (reason !== undefined) this.#reject(head, reason);
      else if (!this.#window.fits(head.units)) break;
      else {
        const permit = this.#grant(head.lane, head.units, now);
        this.#remove(head);
        head.resolve(permit);
      }
    }
    this.#alarm.set(this.#nextChange(now), now);
  }

  /** Whether no penalty is on; one that is over is forgotten. */
  #hasResumed(now: number): boolean {
    if (now < this.#penalizedAt) {
      // The clock went back, as when a test gives up a fake one: the penalty begins anew.
      this.#resumesAt -= this.#penalizedAt - now;
      this.#penalizedAt = now;
    }
    if (now < this.#resumesAt) return false;
    this.#resumesAt = -Infinity;
    return true;
  }

  /** The lane whose head is next. */
  #turn(now: number): WaitingLane {
    const { interactive, bulk } = this.#lanes;
    if (bulk.head === undefined) return interactive;
    return interactive.head === undefined || this.#share.isDue(bulk.head.units, now) ? bulk : interactive;
  }

  /** Whether a call that comes to `lane` now would have the turn. */
  #isFirst(lane: MimcLane, now: number): boolean {
    const { interactive, bulk } = this.#lanes;
    if (interactive.size > 0) return false;
    return bulk.head === undefined || (lane === 'interactive' && !this.#share.isDue(bulk.head.units, now));
  }

  #grant(lane: MimcLane, units: number, now: number): MimcPermit {
    if (lane === 'bulk') this.#share.spend(units);
    else if (this.#lanes.bulk.size > 0) this.#share.passOver(units, now);
    return this.#window.hold(units);
  }

  #remove(waiter: Waiter): void {
    this.#lanes[waiter.lane].remove(waiter);
    waiter.end();
    if (this.#lanes.bulk.size === 0) this.#share.forget();
  }

  #reject(waiter: Waiter, reason: unknown): void {
    this.#remove(waiter);
    waiter.reject(reason);
  }

  /** When somebody who waits may be admitted by time alone; `Infinity` when only a settled or cancelled permit helps. */
  #nextChange(now: number): number {
    if (this.queued === 0) return Infinity;
    if (now < this.#resumesAt) return this.#resumesAt;
    const { dueAt } = this.#share;
    return Math.min(this.#window.nextReleaseAt, dueAt > now ? dueAt : Infinity);
  }

  /** When the last of `units` can be admitted if the first are at `from`, `limit` of them in a second. */
  #secondsLater(from: number, units: number): number {
    return from + (Math.ceil(units / this.limit) - 1) * WINDOW_MS;
  }
}
