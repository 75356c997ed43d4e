import {
  check,
  checkNested,
  IfSet,
  IsClean,
  IsIntFrom,
  isRecord,
  MAX_TIMER_MS,
  mustBe,
  refuseOptions,
} from '../../internals.js';
import { IsRedisConnection, type MimcRedisConnection } from '../redis-connection.js';

/** What happens to calls while Redis does not answer. */
export type MimcRedisUnavailable = 'refuse' | { readonly share: number };

/** Options of {@link RedisMimcRateLimiter}. */
export interface RedisMimcRateLimiterOptions {
  /**
   * A URL or options of ioredis, for a connection that the limiter opens with the first call and closes; or a client of
   * yours, which stays open. A client in subscriber mode, or one that runs blocking commands, does not work.
   */
  readonly connection: MimcRedisConnection;
  /** Identifies the MIMC app, such as by its `appId`: limiters with the same `app` and `prefix` share one quota. */
  readonly app: string;
  /** Begins all keys. Default `mimc`. */
  readonly prefix?: string | undefined;
  /** Units per second of the bucket `accounts`; the same in all processes. Default 50 (docs/mimc-api.md §1.4). */
  readonly accountsPerSecond?: number | undefined;
  /** Units per second of the bucket `topics`; the same in all processes. Default 20 (docs/mimc-api.md §1.4). */
  readonly topicsPerSecond?: number | undefined;
  /** Units per second of the bucket `unlimitedTopics`; the same in all processes. Default 50 (docs/mimc-api.md §1.4). */
  readonly unlimitedTopicsPerSecond?: number | undefined;
  /**
   * Calls of this process that may wait in each lane of each quota, including those that are asking Redis: a positive
   * integer. Default 10,000.
   */
  readonly maxQueued?: number | undefined;
  /**
   * The longest time a call can hold its units, in milliseconds: those of a process that stopped answering are free one
   * second after that. It must be at least 100 ms longer than `answerMs` and an attempt (connecting and responding)
   * together; otherwise a request of a halted process could arrive after its units were given to others. By default that
   * is 1 + 3 + 10 = 14 of 15 s. At least 1,000 and at most 2,147,483,647; default 15,000.
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long Redis may take to answer, in milliseconds: at least 1 and less than `leaseMs`; default 1,000, or half of a
   * `leaseMs` below 2,000. Units granted by a later answer are given back unused.
   */
  readonly answerMs?: number | undefined;
  /**
   * While Redis does not answer, `refuse` (default) refuses calls with `MIMC_CONNECT`, `not-sent`. With a `share`, above 0
   * and at most 1, this process paces itself to that share of each limit, at least one unit: choose shares that sum up to 1
   * over all processes. In the second in which Redis goes away or returns, units granted by Redis and the shares may add
   * up.
   */
  readonly onRedisUnavailable?: MimcRedisUnavailable | undefined;
}

/** The options with their defaults, checked. */
export interface RedisLimiterSettings {
  readonly connection: RedisMimcRateLimiterOptions['connection'];
  /** Begins all keys, with the hash tag that keeps them on one node of a cluster. */
  readonly place: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly maxQueued: number;
  readonly leaseMs: number;
  readonly answerMs: number;
  /** Units per second of each bucket while Redis is away, if any. */
  readonly sharedLimits: Readonly<Record<string, number>> | undefined;
}

/** Braces would break the hash tag that keeps the keys of an app on one node of a cluster. */
const IsName = () =>
  mustBe({
    name: 'isName',
    test: (value) => typeof value === 'string' && /^[^{}]+$/.test(value),
    must: 'must be a non-empty string without braces',
  });

const IsRefuseOrObject = () =>
  mustBe({
    name: 'isRefuseOrObject',
    test: (value) => value === 'refuse' || isRecord(value),
    must: "must be 'refuse' or { share }",
  });

const IsShare = () =>
  mustBe({
    name: 'isShare',
    test: (value) => typeof value === 'number' && value > 0 && value <= 1,
    must: 'must be above 0 and at most 1',
  });

class LimiterRules {
  @IsRedisConnection() connection?: unknown;
  @IsClean() @IsName() app?: unknown;
  @IfSet() @IsName() prefix?: unknown;
  @IfSet() @IsIntFrom(1, Number.MAX_SAFE_INTEGER) accountsPerSecond?: unknown;
  @IfSet() @IsIntFrom(1, Number.MAX_SAFE_INTEGER) topicsPerSecond?: unknown;
  @IfSet() @IsIntFrom(1, Number.MAX_SAFE_INTEGER) unlimitedTopicsPerSecond?: unknown;
  @IfSet() @IsIntFrom(1, Number.MAX_SAFE_INTEGER) maxQueued?: unknown;
  @IfSet() @IsIntFrom(1_000, MAX_TIMER_MS) leaseMs?: unknown;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) answerMs?: unknown;
  @IfSet() @IsRefuseOrObject() onRedisUnavailable?: unknown;
}

class ShareRules {
  @IsShare() share?: unknown;
}

/**
 * Fills in the defaults.
 *
 * @throws MimcError `MIMC_CONFIG` that names the wrong option, never its value
 */
export function readRedisLimiterOptions(given: RedisMimcRateLimiterOptions): RedisLimiterSettings {
  const { value = new LimiterRules(), violations } = check(LimiterRules, given, '', 'options');
  const away = checkNested(ShareRules, value.onRedisUnavailable, 'onRedisUnavailable');
  const options = value as RedisMimcRateLimiterOptions;
  const { connection, app, prefix = 'mimc', maxQueued = 10_000, leaseMs = 15_000 } = options;
  const { answerMs = Math.min(1_000, Math.floor(leaseMs / 2)) } = options;
  const shortLease = { field: 'answerMs', rule: 'isLess', message: 'answerMs must be less than leaseMs' };
  const ofLease = violations.length === 0 && answerMs >= leaseMs ? [shortLease] : [];
  refuseOptions('RedisMimcRateLimiter', [...violations, ...away.violations, ...ofLease]);
  const limits = {
    accounts: options.accountsPerSecond ?? 50,
    topics: options.topicsPerSecond ?? 20,
    unlimitedTopics: options.unlimitedTopicsPerSecond ?? 50,
  };
  const sharedLimits = away.value && sharesOf(limits, Number(away.value.share));
  return { connection, place: `{${prefix}:${app}}:limiter`, limits, maxQueued, leaseMs, answerMs, sharedLimits };
}

function sharesOf(limits: Readonly<Record<string, number>>, share: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(limits).map(([bucket, limit]) => [bucket, Math.max(1, Math.floor(limit * share))]),
  );
}
