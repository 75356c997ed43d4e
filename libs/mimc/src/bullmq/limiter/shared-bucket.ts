import {
  type MimcAcquireOptions,
  MimcError,
  type MimcLane,
  type MimcLimiterStatus,
  type MimcPermit,
  type SlidingWindowLimiter,
} from '../../index.js';
import type { Waiter } from '../../internals.js';
import type { Admission, LaneKey, RedisQuota } from './redis-quota.js';
import { type LaneHost, SharedLane } from './shared-lane.js';
import { type PermitOwner, SharedPermit } from './shared-permit.js';

const WINDOW_MS = 1_000;

/** What this process may do by itself while Redis is away. */
export interface OwnShare {
  readonly limiter: SlidingWindowLimiter;
  readonly limit: number;
}

/** One quota as this process sees it: its two lanes, and what Redis said last. */
export class SharedBucket implements LaneHost, PermitOwner {
  readonly #lanes: Record<MimcLane, SharedLane> = {
    interactive: new SharedLane(this, 'i'),
    bulk: new SharedLane(this, 'b'),
  };
  /** Units of permits of this process that are not settled. */
  readonly #underWay = new Map<string, number>();
  #permits = 0;
  #usedUnits = 0;
  #heardAt = -Infinity;
  /** End of a penalty that began here, and of the one that Redis knows of. */
  #ownResumesAt = -Infinity;
  #sharedResumesAt = -Infinity;

  constructor(
    private readonly name: string,
    private readonly process: string,
    readonly limit: number,
    private readonly quota: RedisQuota,
    private readonly share: OwnShare | undefined,
  ) {}

  get resumesAt(): number {
    return Math.max(this.#ownResumesAt, this.#sharedResumesAt);
  }

  /** Calls of this process that wait, both lanes together. */
  get queued(): number {
    const own = this.share?.limiter.status(this.name).queued ?? 0;
    return this.#lanes.interactive.size + this.#lanes.bulk.size + own;
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
    this.quota.penalize(forMs);
  }

  status(): MimcLimiterStatus {
    const now = performance.now();
    const underWay = [...this.#underWay.values()].reduce((sum, units) => sum + units, 0);
    const heard = now - this.#heardAt < WINDOW_MS ? this.#usedUnits : 0;
    const own = this.share?.limiter.status(this.name).usedUnits ?? 0;
    return {
      queued: this.queued,
      usedUnits: Math.max(heard, underWay) + own,
      resumesInMs: Math.max(0, this.resumesAt - now),
    };
  }

  /** Rejects all who wait, in their order, with what `reason` makes for each. */
  close(reason: () => unknown): void {
    for (const lane of Object.values(this.#lanes)) lane.close(reason);
  }

  permitId(units: number): string {
    return `${units}:${this.process}:${(this.#permits += 1)}`;
  }

  async ask(lane: LaneKey, permits: readonly string[], behind: number): Promise<Admission> {
    const admission = await this.quota.admit(lane, permits, behind);
    this.#heardAt = performance.now();
    this.#usedUnits = admission.usedUnits;
    this.#sharedResumesAt = this.#heardAt + (admission.resumesInMs > 0 ? admission.resumesInMs : -Infinity);
    return admission;
  }

  granted(id: string, units: number): MimcPermit {
    this.#underWay.set(id, units);
    return new SharedPermit(id, this);
  }

  giveBack(permits: readonly string[]): void {
    this.quota.cancel(permits);
  }

  leave(lane: LaneKey): void {
    this.quota.leave(lane);
  }

  away(waiters: readonly Waiter[], error: unknown): void {
    for (const waiter of waiters) {
      const { units, lane, signal, deadlineAt, ignoresMaxQueued } = waiter;
      // An own share is for the time until Redis answers again, not for one that will always refuse.
      const isAway = MimcError.is(error) && error.code === 'MIMC_CONNECT';
      if (!isAway || this.share === undefined || units > this.share.limit) waiter.reject(error);
      else {
        const admission = this.share.limiter.acquire(this.name, units, { lane, signal, deadlineAt, ignoresMaxQueued });
        admission.then(waiter.resolve, waiter.reject);
      }
    }
  }

  settled(id: string): void {
    this.#underWay.delete(id);
    this.quota.settle([id]);
  }

  cancelled(id: string): void {
    this.#underWay.delete(id);
    this.quota.cancel([id]);
    for (const lane of Object.values(this.#lanes)) lane.wake();
  }
}
