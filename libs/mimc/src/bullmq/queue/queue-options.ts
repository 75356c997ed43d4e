import type { MimcDelivery } from '../../index.js';
import {
  check,
  IfSet,
  IsBoolean,
  IsCountOrFalse,
  IsIn,
  IsIntFrom,
  Matches,
  MAX_RECIPIENTS,
  MAX_TIMER_MS,
  refuseOptions,
  takeOut,
  withDefaults,
} from '../../internals.js';
import { IsRedisConnection, type MimcRedisConnection } from '../redis-connection.js';

/** How a message is kept and sent. Stored with the message, so that every worker treats it alike. */
export interface MimcQueueDefaults {
  /**
   * What happens to a request that may have been sent (its worker died, or MIMC did not answer). `at-most-once` (default)
   * reports it as `unknown`; `at-least-once` sends it again.
   */
  delivery?: MimcDelivery | undefined;
  /** With `at-least-once`: how many attempts may go unanswered before a request is reported as `unknown`. Default 3. */
  attempts?: number | undefined;
  /** How long an id is remembered after the end, in milliseconds. Until then it is not sent again. Default 7 days. */
  retentionMs?: number | undefined;
  /** Recipients per request of a broadcast. Default as in `MimcBroadcastService`: a fifth of the quota per second. */
  chunkSize?: number | undefined;
  /** Pauses a broadcast after this many consecutive failed requests over all processes. Default 10; `false` never pauses. */
  stopAfterConsecutiveFailures?: number | false | undefined;
}

/** Options of `MimcQueueModule`. Processes share their work if they have the same `prefix` and push to the same app. */
export interface MimcQueueOptions extends MimcQueueDefaults {
  /**
   * Redis: a URL, ioredis options, or your ioredis `Redis` or `Cluster`, which is duplicated and never closed. It must not
   * have a `keyPrefix`: use `prefix`.
   */
  connection: MimcRedisConnection;
  /** Prefix of all keys, together with the `appId` of the `MimcModule`, so that two apps never mix. Default `mimc`. */
  prefix?: string | undefined;
  /** Whether this process sends. Default true; if false, it only adds and controls. */
  worker?: boolean | undefined;
  /**
   * How many requests this process may have waiting for quota or in flight, for each of: broadcasts to accounts, broadcasts
   * to groups, pushes to accounts, pushes to groups. Default 8.
   */
  concurrency?: number | undefined;
  /**
   * How long a worker may be silent before other workers get its jobs, in milliseconds. The jobs of a dead process are taken
   * over after one to two times this. Default 30,000; at least 1,000.
   */
  lockMs?: number | undefined;
  /** How long shutdown may take, in milliseconds. Requests in flight have this long to finish. Default 15,000. */
  shutdownMs?: number | undefined;
}

/** {@link MimcQueueDefaults}, complete. */
export interface MessageSettings {
  delivery: MimcDelivery;
  attempts: number;
  retentionMs: number;
  chunkSize: number | undefined;
  stopAfterConsecutiveFailures: number | false;
}

/** The options with their defaults. */
export interface QueueSettings extends MessageSettings {
  connection: MimcRedisConnection;
  prefix: string;
  worker: boolean;
  concurrency: number;
  lockMs: number;
  shutdownMs: number;
}

const DAY_MS = 86_400_000;

const DEFAULTS: Omit<QueueSettings, 'connection'> = {
  prefix: 'mimc',
  worker: true,
  concurrency: 8,
  lockMs: 30_000,
  shutdownMs: 15_000,
  delivery: 'at-most-once',
  attempts: 3,
  retentionMs: 7 * DAY_MS,
  chunkSize: undefined,
  stopAfterConsecutiveFailures: 10,
};

/** The rules of {@link MimcQueueDefaults}. */
export class DefaultsRules {
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: MimcDelivery;
  @IfSet() @IsIntFrom(1, 1_000) attempts?: number;
  @IfSet() @IsIntFrom(1_000, 3_650 * DAY_MS) retentionMs?: number;
  @IfSet() @IsIntFrom(1, MAX_RECIPIENTS) chunkSize?: number;
  @IfSet() @IsCountOrFalse() stopAfterConsecutiveFailures?: number | false;
}

class QueueRules extends DefaultsRules {
  @IsRedisConnection() connection?: unknown;
  /** A brace would end the hash tag that keeps all keys on one node of a Cluster. */
  @IfSet() @Matches(/^[\w.:-]{1,100}$/) prefix?: string;
  @IfSet() @IsBoolean() worker?: boolean;
  @IfSet() @IsIntFrom(1, 1_000) concurrency?: number;
  @IfSet() @IsIntFrom(1_000, MAX_TIMER_MS) lockMs?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) shutdownMs?: number;
}

/** Splits the argument of `MimcQueueModule.forRoot` into options and extras. */
export function splitExtras<Extra extends string>(given: object, extras: readonly Extra[]) {
  return takeOut(QueueRules, given, extras);
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, naming the invalid options without their values
 */
export function resolveQueueOptions(given: MimcQueueOptions): QueueSettings {
  const { value, violations } = check(QueueRules, given, '', 'options');
  refuseOptions('MimcQueueModule', violations);
  const { connection, ...others } = value as MimcQueueOptions;
  return { connection, ...withDefaults(DEFAULTS, others) };
}
