import { randomBytes } from 'node:crypto';
import {
  type MimcAcquireOptions,
  type MimcLimiterStatus,
  type MimcPermit,
  type MimcRateLimiter,
  SlidingWindowLimiter,
} from '../../index.js';
import { notSent, within } from '../../internals.js';
import { type OpenRedis, openRedis } from '../redis-connection.js';
import { RedisExchange } from './redis-exchange.js';
import { RedisBucket } from './redis-bucket.js';
import { readRedisLimiterOptions, type RedisMimcRateLimiterOptions } from './redis-limiter-options.js';

/** How long `close` tries to report the last settlements, in milliseconds. */
const CLOSE_MS = 1_000;

/**
 * One quota for all processes that push for an app, kept in Redis 6.2 or newer. Pass it to `MimcModule` as `limiter`; its
 * buckets are `accounts`, `topics` and `unlimitedTopics`.
 *
 * Guarantees, across all processes:
 * - **Exact window.** Units are held from their grant until a second after their settlement. A script of Redis counts and
 *   grants in one step, on one clock that never runs backwards. The request arrives in between, so no second at the server
 *   sees more units than the limit. The units of a process that dies stay held until `leaseMs` and a second after its last
 *   exchange.
 * - **Lost data never raises the rate.** When Redis finds a key missing (evicted, deleted, flushed, never there) or lacks
 *   writes that a process has seen (a failover), it grants nothing for a second. Processes with open permits declare them
 *   every 300 ms, so Redis has counted them all before it grants again. The first call of a new app also waits for that
 *   second.
 * - **Order.** Calls of one process and lane are admitted in their order. Processes that wait in a lane take turns by
 *   start-time fair queueing: while two of them wait, the units granted to either differ by little more than their largest
 *   calls together. A head that waits for room keeps it from those behind, so that small calls cannot starve it.
 * - **Lanes.** Interactive goes first over all processes, except that bulk is granted at least 10 % of the units in every
 *   stretch in which bulk waits somewhere and eight times the largest bulk call plus twice the largest interactive one are
 *   granted, and is passed over for 10 s at most: `BulkShare` has the proof, which needs only that no interactive call is
 *   granted while bulk is due.
 * - **Never unlimited.** While Redis does not answer, a call is refused with `MIMC_CONNECT`, or is paced at the share of the
 *   quota that `onRedisUnavailable` sets. The limiter asks again with every call, so it recovers with Redis.
 *
 * Limits: it cannot detect that the server's clock stepped forward, nor what an asynchronous failover lost until a process
 * that saw those writes returns.
 *
 * Each process has at most one command in flight per bucket. It carries up to 16 calls of each lane, the settled units and
 * the open ones. Redis grants units up to 100 ms before they are free, and the process waits for that time on its own
 * monotonic clock: late by its timer at most, never early. The answer says when to ask again, so no process wakes up for a
 * grant to another; the first in order asks at least every 250 ms, those behind it every two seconds. A process that died
 * keeps its place until half a second after it should have asked. Without open permits and waiting calls no timer runs and
 * no command is sent.
 *
 * @example
 * const limiter = new RedisMimcRateLimiter({ connection: 'redis://localhost:6379', app: appId });
 * MimcModule.forRoot({ appId, appKey, appSecret, limiter });
 */
export class RedisMimcRateLimiter implements MimcRateLimiter {
  readonly #redis: OpenRedis;
  readonly #buckets: ReadonlyMap<string, RedisBucket>;
  readonly #maxQueued: number;
  readonly #own: SlidingWindowLimiter | undefined;
  #closed = false;

  /** @throws MimcError `MIMC_CONFIG` that names the invalid option. Redis need not be reachable yet. */
  constructor(options: RedisMimcRateLimiterOptions) {
    const { connection, place, limits, maxQueued, leaseMs, answerMs, sharedLimits } = readRedisLimiterOptions(options);
    const process = randomBytes(9).toString('base64url');
    const own = sharedLimits && new SlidingWindowLimiter({ limits: sharedLimits, maxQueued });
    this.#redis = openRedis(connection, { whenAway: 'fail' });
    this.#maxQueued = maxQueued;
    this.#own = own;
    this.#buckets = new Map(
      Object.entries(limits).map(([name, limit]) => {
        const exchange = new RedisExchange(this.#redis, process, `${place}:${name}`, limit, leaseMs);
        const share = own && { limiter: own, limit: sharedLimits?.[name] ?? 0 };
        return [name, new RedisBucket(name, limit, exchange, { leaseMs, answerMs }, share)];
      }),
    );
  }

  /**
   * Waits for `units` of `bucket`.
   *
   * @throws MimcError with outcome `not-sent`: `MIMC_CONNECT` when Redis does not answer, `MIMC_QUEUE_FULL` when too many
   * calls of this process wait in the lane, `MIMC_DEADLINE` as soon as it is certain that the call cannot be admitted before its
   * deadline, `MIMC_CLOSED`, `MIMC_INVALID` when the units can never fit, `MIMC_CONFIG` when there is no such bucket;
   * or `signal.reason` when aborted
   */
  acquire(bucket: string, units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    try {
      const quota = this.#bucket(bucket);
      const now = performance.now();
      this.#check(quota, units, options, now);
      return quota.acquire(units, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Admits nothing to `bucket` for `forMs`, here at once and in other processes as soon as Redis has it. The later end of
   * two penalties wins; a time that is not positive is ignored.
   */
  penalize(bucket: string, forMs: number): void {
    this.#bucket(bucket).penalize(forMs);
  }

  /**
   * The state as this process knows it: its own waiting calls, the units used by all processes in the last answer of Redis,
   * and the rest of the penalty.
   */
  status(bucket: string): MimcLimiterStatus {
    return this.#bucket(bucket).status();
  }

  /**
   * Rejects waiting and later calls with `MIMC_CLOSED`. Reports the settlements so far, for at most a second, then closes
   * the connection unless it belongs to the application. Call it when no request is in flight: permits that are still open
   * hold their units until their lease ends.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#own?.close();
    const end = performance.now() + CLOSE_MS;
    await within(CLOSE_MS, Promise.all([...this.#buckets.values()].map((bucket) => bucket.close(closed))));
    await this.#redis.close(Math.max(0, end - performance.now()));
  }

  #check(quota: RedisBucket, units: number, options: MimcAcquireOptions, now: number): void {
    const { lane, signal, deadlineAt, ignoresMaxQueued } = options;
    if (this.#closed) throw closed();
    if (!Number.isInteger(units) || units < 1) {
      throw notSent('MIMC_INVALID', 'units must be a positive integer');
    }
    if (units > quota.limit) {
      throw notSent('MIMC_INVALID', `A call of ${units} units exceeds the quota of ${quota.limit} per second`);
    }
    signal?.throwIfAborted();
    if (deadlineAt !== undefined && quota.earliestAdmission(lane, units, now) >= deadlineAt) {
      throw notSent('MIMC_DEADLINE', 'The quota cannot admit the call before its deadline');
    }
    if (ignoresMaxQueued !== true && quota.counted(lane) >= this.#maxQueued) {
      throw notSent('MIMC_QUEUE_FULL', `${this.#maxQueued} ${lane} calls are already waiting for this quota`);
    }
  }

  #bucket(name: string): RedisBucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw notSent('MIMC_CONFIG', `The limiter has no bucket '${name}'`);
    return bucket;
  }
}

function closed() {
  return notSent('MIMC_CLOSED', 'The limiter is closed');
}
