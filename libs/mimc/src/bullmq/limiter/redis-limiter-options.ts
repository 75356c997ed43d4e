import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { MAX_TIMER_MS } from '../../push/push-options.js';
import { notSent } from './limiter-errors.js';

/** What becomes of calls while Redis does not answer. */
export type MimcRedisAway = 'refuse' | { readonly share: number };

/** What a {@link RedisMimcRateLimiter} is made of. */
export interface RedisMimcRateLimiterOptions {
  /**
   * A URL or options of ioredis, for a connection that the limiter makes with the first call and closes; or a client of
   * yours, which stays yours. A client in subscriber mode or with blocking commands on it will not do.
   */
  readonly connection: Redis | Cluster | RedisOptions | string;
  /** The MIMC app whose quota this is, say its `appId`: all limiters with the same prefix share one quota. */
  readonly app: string;
  /** Begins all keys. Default `nestjs-mimc`. */
  readonly prefix?: string;
  /** Units per second of the bucket `accounts`; the same in all processes. Default 50 (mimc-api.md §1.4). */
  readonly accountsPerSecond?: number;
  /** Units per second of the bucket `topics`; the same in all processes. Default 20 (mimc-api.md §1.4). */
  readonly topicsPerSecond?: number;
  /** Calls of this process that may wait, those included that ask Redis just now: a positive integer. Default 10,000. */
  readonly maxQueued?: number;
  /**
   * How long a permit may stay unsettled, in milliseconds: after that and another second its units are free, as its
   * process must have died. Never less than `answerMs` and what an attempt can take, connecting and responding, together,
   * or a slow response could come after its units were given to others: by default these are 1 + 3 + 10 = 14 of 15 s. At
   * least 1,000 and at most 2,147,483,647; default 15,000.
   */
  readonly leaseMs?: number;
  /**
   * How long Redis may take to answer, in milliseconds: at least 1 and less than `leaseMs`; default 1,000, or half of a
   * `leaseMs` of less than 2,000. What a later answer grants is not used but given back.
   */
  readonly answerMs?: number;
  /**
   * While Redis does not answer, `refuse` (default) refuses calls with `MIMC_CONNECT`, `not-sent`. With a `share`, above 0
   * and at most 1, this process paces itself to that share of each limit, at least one unit: choose it so that the shares
   * of all processes sum up to 1. In the second in which Redis goes or comes, what it granted and the shares may add up.
   */
  readonly whenRedisIsAway?: MimcRedisAway;
}

/** The options with their defaults, checked. */
export interface RedisLimiterSettings {
  readonly connection: RedisMimcRateLimiterOptions['connection'];
  readonly prefix: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly maxQueued: number;
  readonly leaseMs: number;
  readonly answerMs: number;
  /** Units per second of each bucket while Redis is away, if any. */
  readonly sharedLimits: Readonly<Record<string, number>> | undefined;
}

/**
 * Fills in the defaults.
 *
 * @throws MimcError `MIMC_CONFIG` that names the option which is wrong, never its value
 */
export function readRedisLimiterOptions(options: RedisMimcRateLimiterOptions): RedisLimiterSettings {
  const { connection, app, prefix = 'nestjs-mimc', whenRedisIsAway = 'refuse' } = options;
  const isGiven = typeof connection === 'string' ? connection !== '' : typeof connection === 'object';
  check(isGiven && connection !== null, 'connection must be a URL, options of ioredis, or a client of ioredis');
  check(isName(app), 'app must be a text of one character or more, without braces');
  check(isName(prefix), 'prefix must be a text of one character or more, without braces');
  const limits = {
    accounts: integer('accountsPerSecond', options.accountsPerSecond ?? 50),
    topics: integer('topicsPerSecond', options.topicsPerSecond ?? 20),
  };
  const leaseMs = integer('leaseMs', options.leaseMs ?? 15_000, 1_000, MAX_TIMER_MS);
  const answerMs = integer('answerMs', options.answerMs ?? Math.min(1_000, Math.floor(leaseMs / 2)), 1, MAX_TIMER_MS);
  check(answerMs < leaseMs, 'answerMs must be less than leaseMs');
  return {
    connection,
    prefix: `${prefix}:${app}`,
    limits,
    maxQueued: integer('maxQueued', options.maxQueued ?? 10_000),
    leaseMs,
    answerMs,
    sharedLimits: whenRedisIsAway === 'refuse' ? undefined : sharesOf(limits, whenRedisIsAway.share),
  };
}

function sharesOf(limits: Readonly<Record<string, number>>, share: unknown): Record<string, number> {
  if (typeof share !== 'number' || !(share > 0 && share <= 1)) {
    throw notSent('MIMC_CONFIG', 'whenRedisIsAway.share must be above 0 and at most 1');
  }
  return Object.fromEntries(
    Object.entries(limits).map(([bucket, limit]) => [bucket, Math.max(1, Math.floor(limit * share))]),
  );
}

/** Braces would end the hash tag that keeps a bucket's keys on one node of a cluster. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[^{}]+$/.test(value);
}

function integer(name: string, value: number, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const isRight = Number.isSafeInteger(value) && value >= least && value <= most;
  check(isRight, `${name} must be an integer of at least ${least} and at most ${most}`);
  return value;
}

function check(right: boolean, message: string): void {
  if (!right) throw notSent('MIMC_CONFIG', message);
}
