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
} from '../../internals.js';
import { IsRedisConnection, type MimcRedisConnection } from '../redis-connection.js';

/** How a message is kept and sent. It is stored with the message, so that every worker treats it alike. */
export interface MimcQueueDefaults {
  /**
   * What happens to a request that may have been sent, because its worker died or MIMC did not answer. `at-most-once`
   * (default) reports it as `unknown`; `at-least-once` sends it again.
   */
  delivery?: MimcDelivery | undefined;
  /** With `at-least-once`: how often a request is sent until it is reported as `unknown`. Default 3. */
  attempts?: number | undefined;
  /** How long an id is remembered after the end, in milliseconds; until then it is not sent again. Default 7 days. */
  retentionMs?: number | undefined;
  /** Recipients of a request of a broadcast. Default as in `MimcBroadcastService`: a fifth of the quota of a second. */
  chunkSize?: number | undefined;
  /** Pauses a broadcast when this many requests fail in a row, in all processes together. Default 10; `false` never does. */
  stopAfterConsecutiveFailures?: number | false | undefined;
}

/** Options of `MimcQueueModule`. Processes that share their work have the same `prefix` and push to the same app. */
export interface MimcQueueOptions extends MimcQueueDefaults {
  /**
   * Redis: a URL, options of ioredis, or a `Redis` or `Cluster` of ioredis, which is duplicated and stays yours. No
   * `keyPrefix`: that is what `prefix` is for.
   */
  connection: MimcRedisConnection;
  /** Begins all keys, together with the `appId` of the `MimcModule`, so that two apps never mix. Default `mimc`. */
  prefix?: string | undefined;
  /** Whether this process sends. Default true; with false it only adds and controls. */
  worker?: boolean | undefined;
  /**
   * Requests that this process has waiting for quota or in flight: of broadcasts to accounts, of broadcasts to groups, of pushes
   * to accounts, of pushes to groups. Default 8 of each.
   */
  concurrency?: number | undefined;
  /**
   * How long a worker may be silent before its jobs are given to others, in milliseconds: what a process that died left
   * behind is taken over after one to two times this. Default 30,000; at least 1,000.
   */
  lockMs?: number | undefined;
  /** How long shutting down may take, in milliseconds: requests in flight have this long. Default 15,000. */
  shutdownMs?: number | undefined;
}

/** The defaults of messages, complete. */
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
  /** Braces would end the hash tag that keeps all keys on one node of a cluster. */
  @IfSet() @Matches(/^[\w.:-]{1,100}$/) prefix?: string;
  @IfSet() @IsBoolean() worker?: boolean;
  @IfSet() @IsIntFrom(1, 1_000) concurrency?: number;
  @IfSet() @IsIntFrom(1_000, MAX_TIMER_MS) lockMs?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) shutdownMs?: number;
}

/** What is given to `MimcQueueModule.forRoot`: the options, and what is passed along with them. */
export function splitExtras<Extra extends string>(given: object, extras: readonly Extra[]) {
  return takeOut(QueueRules, given, extras);
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong and never shows their values
 */
export function resolveQueueOptions(given: MimcQueueOptions): QueueSettings {
  const { value, violations } = check(QueueRules, given, '', 'options');
  refuseOptions('MimcQueueModule', violations);
  const options = value as MimcQueueOptions;
  return {
    connection: options.connection,
    prefix: options.prefix ?? 'mimc',
    worker: options.worker ?? true,
    concurrency: options.concurrency ?? 8,
    lockMs: options.lockMs ?? 30_000,
    shutdownMs: options.shutdownMs ?? 15_000,
    ...messageSettings(options, {
      delivery: 'at-most-once',
      attempts: 3,
      retentionMs: 7 * DAY_MS,
      chunkSize: undefined,
      stopAfterConsecutiveFailures: 10,
    }),
  };
}

/** What is set of the given, and the defaults for the rest. */
export function messageSettings(given: MimcQueueDefaults, defaults: MessageSettings): MessageSettings {
  return {
    delivery: given.delivery ?? defaults.delivery,
    attempts: given.attempts ?? defaults.attempts,
    retentionMs: given.retentionMs ?? defaults.retentionMs,
    chunkSize: given.chunkSize ?? defaults.chunkSize,
    stopAfterConsecutiveFailures: given.stopAfterConsecutiveFailures ?? defaults.stopAfterConsecutiveFailures,
  };
}
