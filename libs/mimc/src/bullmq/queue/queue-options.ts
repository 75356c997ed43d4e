import type { InPart, MimcDelivery } from '../../index.js';
import {
  check,
  checkNested,
  IfSet,
  IsBoolean,
  IsCountOrFalse,
  IsIn,
  IsIntFrom,
  IsPlainObject,
  isRecord,
  Matches,
  MAX_RECIPIENTS,
  MAX_TIMER_MS,
  mustBe,
  refuseOptions,
  takeOut,
  withDefaults,
} from '../../internals.js';
import { taggedPrefix } from './broadcast-keys.js';
import type { MimcRedisConnection } from './redis-clients.js';

/** How a chunk that was not sent is tried again: exponential backoff, per chunk, on top of the retries of the push. */
export interface MimcChunkRetryOptions {
  /** Pushes per chunk, the first included; then it is reported as it last failed. Default 5. */
  maxAttempts: number;
  /** Backoff after the first failure, in milliseconds; it doubles with each. Default 1,000. */
  baseDelayMs: number;
  /** The longest backoff, in milliseconds. Default 60,000. */
  maxDelayMs: number;
}

/** Options of `MimcBroadcastQueueModule`. Processes that share broadcasts have the same `queueName` and `prefix`. */
export interface MimcBroadcastQueueOptions {
  /** Redis: a URL, or options of ioredis; no client, and no `keyPrefix`, for which `prefix` is there. */
  connection: MimcRedisConnection;
  /** Name of BullMQ's queue. Default `broadcasts`. */
  queueName?: string | undefined;
  /** All keys begin with it, in braces, as the hash tag of Redis Cluster. Default `mimc`. */
  prefix?: string | undefined;
  /**
   * What happens to a chunk that may have been sent, as its worker died or MIMC did not answer. `at-most-once` (default)
   * reports it as `unknown`; `at-least-once` sends it again, up to `retry.maxAttempts` times.
   */
  delivery?: MimcDelivery | undefined;
  /** Recipients of a request. Default as in `MimcBroadcastService`: a fifth of the quota of a second. */
  chunkSize?: number | undefined;
  /** Requests that the worker of this process has under way at a time. Default 4. */
  concurrency?: number | undefined;
  /** How long a broadcast can be asked for after its end, and its id means it, in milliseconds. Default 7 days. */
  retentionMs?: number | undefined;
  /** Whether this process sends. Default true; with false it only enqueues and controls. */
  worker?: boolean | undefined;
  /** Given in part. */
  retry?: InPart<MimcChunkRetryOptions> | undefined;
  /** Pauses a broadcast when so many chunks fail in a row, whoever sends them. Default 10; `false` never does. */
  stopAfterConsecutiveFailures?: number | false | undefined;
  /**
   * How long a worker may be silent before its chunks are taken from it, in milliseconds: what is left of a process that
   * died is taken over after one to two times this. Default 30,000; at least 1,000.
   */
  lockMs?: number | undefined;
  /** How long requests under way may take at shutdown, in milliseconds. Default 15,000. */
  shutdownMs?: number | undefined;
}

/** The options with their defaults. */
export interface QueueSettings {
  connection: MimcRedisConnection;
  queueName: string;
  prefix: string;
  delivery: MimcDelivery;
  chunkSize: number | undefined;
  concurrency: number;
  retentionMs: number;
  worker: boolean;
  retry: MimcChunkRetryOptions;
  stopAfterConsecutiveFailures: number | false;
  lockMs: number;
  shutdownMs: number;
}

const DEFAULT_RETRY: MimcChunkRetryOptions = { maxAttempts: 5, baseDelayMs: 1_000, maxDelayMs: 60_000 };

const DAY_MS = 86_400_000;

const IsConnection = () =>
  mustBe({
    name: 'isConnection',
    test: (value) => (typeof value === 'string' ? isRedisUrl(value) : isRedisOptions(value)),
    must: 'must be a redis:// or rediss:// URL, or options of ioredis: not a client, and without keyPrefix',
  });

class QueueRules {
  @IsConnection() connection?: unknown;
  @IfSet() @Matches(/^[\w.-]{1,100}$/) queueName?: unknown;
  @IfSet() @Matches(/^[\w.:{}-]{1,100}$/) prefix?: unknown;
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: unknown;
  @IfSet() @IsIntFrom(1, MAX_RECIPIENTS) chunkSize?: unknown;
  @IfSet() @IsIntFrom(1, 1_000) concurrency?: unknown;
  @IfSet() @IsIntFrom(1_000, 3_650 * DAY_MS) retentionMs?: unknown;
  @IfSet() @IsBoolean() worker?: unknown;
  @IfSet() @IsPlainObject() retry?: unknown;
  @IfSet() @IsCountOrFalse() stopAfterConsecutiveFailures?: unknown;
  @IfSet() @IsIntFrom(1_000, MAX_TIMER_MS) lockMs?: unknown;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) shutdownMs?: unknown;
}

class ChunkRetryRules implements InPart<MimcChunkRetryOptions> {
  @IfSet() @IsIntFrom(1, 1_000) maxAttempts?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) baseDelayMs?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) maxDelayMs?: number;
}

/** What is given to `MimcBroadcastQueueModule.forRoot`: the options, and what is passed along with them. */
export function splitExtras<Extra extends string>(given: object, extras: readonly Extra[]) {
  return takeOut(QueueRules, given, extras);
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong and never shows their values
 */
export function resolveQueueOptions(given: MimcBroadcastQueueOptions): QueueSettings {
  const { value, violations } = check(QueueRules, given, '', 'options');
  const retry = checkNested(ChunkRetryRules, value?.retry, 'retry');
  refuseOptions('MimcBroadcastQueueModule', [...violations, ...retry.violations]);
  const options = value as MimcBroadcastQueueOptions;
  return {
    connection: options.connection,
    queueName: options.queueName ?? 'broadcasts',
    prefix: taggedPrefix(options.prefix ?? 'mimc'),
    delivery: options.delivery ?? 'at-most-once',
    chunkSize: options.chunkSize,
    concurrency: options.concurrency ?? 4,
    retentionMs: options.retentionMs ?? 7 * DAY_MS,
    worker: options.worker ?? true,
    retry: withDefaults(DEFAULT_RETRY, retry.value),
    stopAfterConsecutiveFailures: options.stopAfterConsecutiveFailures ?? 10,
    lockMs: options.lockMs ?? 30_000,
    shutdownMs: options.shutdownMs ?? 15_000,
  };
}

function isRedisUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  // ioredis takes options from the query too.
  const { protocol, searchParams } = new URL(value);
  return /^rediss?:$/.test(protocol) && !searchParams.has('keyPrefix');
}

/** A client, of whichever copy of ioredis, has no options of its own: it would connect to localhost. */
function isRedisOptions(value: unknown): boolean {
  if (!isPlain(value) || typeof Reflect.get(value, 'duplicate') === 'function') return false;
  return [undefined, ''].includes(Reflect.get(value, 'keyPrefix') as string | undefined);
}

/** ioredis sees no more of its options than what is the object's own. */
function isPlain(value: unknown): value is object {
  return isRecord(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
