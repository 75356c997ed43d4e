import { MimcError, notSent } from '../errors/mimc-error.js';
import { QuotaBucket } from './quota-bucket.js';
import type { MimcAcquireOptions, MimcLane, MimcLimiterStatus, MimcPermit, MimcRateLimiter } from './rate-limiter.js';

/** What a {@link SlidingWindowLimiter} is made of. */
export interface SlidingWindowLimiterOptions {
  /** Units per second of each bucket: positive integers. There are no other buckets. */
  limits: Readonly<Record<string, number>>;
  /** Calls that may wait in each lane of each bucket: 0 or a positive integer. A call admitted at once never counts. */
  maxQueued: number;
}

/**
 * The limiter in this process: an exact sliding window that holds a call's units until one second after its answer, two
 * lanes, first in first out within each (docs/quota.md says when bulk goes first), in constant time per call.
 *
 * It starts no timer while nobody waits.
 *
 * @example
 * const limiter = new SlidingWindowLimiter({ limits: { accounts: 50, topics: 20, unlimitedTopics: 50 }, maxQueued: 10_000 });
 * const permit = await limiter.acquire('accounts', 10, { lane: 'bulk' });
 * try {
 *   await send();
 * } finally {
 *   permit.settle();
 * }
 */
export class SlidingWindowLimiter implements MimcRateLimiter {
  readonly #buckets: ReadonlyMap<string, QuotaBucket>;
  #maxQueued: number;
  #closed = false;

  /** @throws MimcError `MIMC_CONFIG` when a limit or `maxQueued` is not such a number. */
  constructor({ limits: given, maxQueued }: SlidingWindowLimiterOptions) {
    const limits = Object.entries(given);
    for (const [bucket, limit] of limits) {
      if (!Number.isSafeInteger(limit) || limit < 1) {
        throw notSent('MIMC_CONFIG', `The limit of '${bucket}' must be a positive integer`);
      }
    }
    if (!Number.isSafeInteger(maxQueued) || maxQueued < 0) {
      throw notSent('MIMC_CONFIG', 'maxQueued must be 0 or a positive integer');
    }
    this.#buckets = new Map(limits.map(([bucket, limit]) => [bucket, new QuotaBucket(limit)]));
    this.#maxQueued = maxQueued;
  }

  /**
   * Waits for `units` of `bucket`.
   *
   * A deadline refuses at once when it is past, when a penalty outlasts it, or when more units wait in the same lane
   * than can be admitted by then; otherwise when it passes. A call refused at once because of those ahead might
   * have been admitted had they given up.
   *
   * @throws MimcError with outcome `not-sent`: `MIMC_INVALID` for units that are not a positive integer or exceed the
   * limit, which could never be admitted; `MIMC_CONFIG` for an unknown bucket; `MIMC_DEADLINE`, `MIMC_QUEUE_FULL`,
   * `MIMC_CLOSED`; or `signal.reason`.
   */
  acquire(bucket: string, units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    try {
      const quota = this.#bucket(bucket);
      this.#check(quota, units, options);
      const permit = quota.tryAcquire(options.lane, units);
      if (permit !== undefined) return Promise.resolve(permit);
      this.#checkWait(quota, units, options);
      return quota.wait(units, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @internal */
  tryAcquire(bucket: string, units: number, lane: MimcLane): MimcPermit | undefined {
    const quota = this.#buckets.get(bucket);
    if (quota === undefined || this.#closed || !(Number.isInteger(units) && units > 0)) return undefined;
    return quota.tryAcquire(lane, units);
  }

  /** Admits nothing to `bucket` for `forMs`; the later end of two penalties wins, and anything but a positive time is ignored. */
  penalize(bucket: string, forMs: number): void {
    this.#bucket(bucket).penalize(forMs);
  }

  status(bucket: string): MimcLimiterStatus {
    return this.#bucket(bucket).status();
  }

  /** @internal Calls that wait in a lane and that `maxQueued` bounds. */
  counted(bucket: string, lane: MimcLane): number {
    return this.#bucket(bucket).counted(lane);
  }

  /** @internal Changes the limits, which are valid ones of the same buckets. Units in use and penalties stay. */
  resize({ limits, maxQueued }: SlidingWindowLimiterOptions): void {
    this.#maxQueued = maxQueued;
    for (const [bucket, limit] of Object.entries(limits)) this.#bucket(bucket).resize(limit);
  }

  /** Rejects all who wait, in their order, and all who come with `MIMC_CLOSED`. Permits already given still work. */
  close(): void {
    this.#closed = true;
    for (const bucket of this.#buckets.values()) bucket.close(closed);
  }

  /** Throws when the call can never be admitted, now or later. */
  #check(quota: QuotaBucket, units: number, { signal, deadlineAt }: MimcAcquireOptions): void {
    if (this.#closed) throw closed();
    if (!Number.isInteger(units) || units < 1) {
      throw notSent('MIMC_INVALID', 'units must be a positive integer');
    }
    if (units > quota.limit) {
      throw notSent('MIMC_INVALID', `A call of ${units} units exceeds the quota of ${quota.limit} per second`);
    }
    signal?.throwIfAborted();
    if (deadlineAt !== undefined && performance.now() >= deadlineAt)
      throw notSent('MIMC_DEADLINE', 'The deadline has passed');
  }

  /** Throws when a call that cannot be admitted now should not wait either. */
  #checkWait(quota: QuotaBucket, units: number, options: MimcAcquireOptions): void {
    const { lane, deadlineAt, ignoresMaxQueued } = options;
    if (deadlineAt !== undefined && quota.earliestAdmission(lane, units) >= deadlineAt) {
      throw notSent('MIMC_DEADLINE', 'The quota cannot admit the call before its deadline');
    }
    if (ignoresMaxQueued !== true && quota.counted(lane) >= this.#maxQueued) {
      throw notSent('MIMC_QUEUE_FULL', `${this.#maxQueued} ${lane} calls are already waiting for this quota`);
    }
  }

  #bucket(name: string): QuotaBucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw notSent('MIMC_CONFIG', `The limiter has no bucket '${name}'`);
    return bucket;
  }
}

function closed(): MimcError {
  return notSent('MIMC_CLOSED', 'The limiter is closed');
}
