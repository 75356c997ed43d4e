import type { MimcError } from '../errors/mimc-error.js';
import { checkRetry } from '../delivery/retry.js';
import {
  IfSet,
  IsAbortSignal,
  IsCountOrFalse,
  IsFunction,
  IsIn,
  IsIntFrom,
  IsObjectOrFalse,
  IsPlainObject,
  MAX_TIMER_MS,
  isRecord,
} from '../validation/rules.js';
import { MAX_RECIPIENTS } from '../validation/push-rules.js';
import { PushOptions } from '../push/push-options.js';
import { PushMessageDto, PushToAccountDto, PushToTopicDto } from '../push/push.dto.js';
import type { BatchPushReceipt } from '../push/receipts.js';
import { check, type Checked } from '../validation/check.js';
import { copyOfCheckpoint, type MimcBroadcastCheckpoint } from './checkpoint.js';

/** The push DTO without its recipients. */
export type MimcBroadcastMessage = Pick<PushMessageDto, keyof PushMessageDto>;

/** A push to one account or group, with a text of its own. */
export type MimcPersonalPush = PushToAccountDto | PushToTopicDto;

/** Options of a broadcast of whole pushes: each is a request, and who gets two of them is meant to. */
export type MimcPersonalOptions = Omit<MimcBroadcastOptions<MimcPersonalPush>, 'chunkSize' | 'dedupeWindow'>;

/** A part of the audience that goes out in one request. */
export interface MimcBroadcastChunk<R> {
  /** Offset in the audience of the first recipient. */
  readonly offset: number;
  /** In the order of the audience, without those that were left out: invalid, duplicate or settled before. */
  readonly recipients: readonly R[];
}

/** What came of a chunk, or of a single recipient that is invalid and so was in none. */
export type MimcBroadcastOutcome<R> = MimcBroadcastChunk<R> &
  ({ readonly ok: true; readonly receipt: BatchPushReceipt } | { readonly ok: false; readonly error: MimcError });

/**
 * Recipients of a broadcast so far. `read` is the sum of all others and, until the end, of those in flight. Outcomes that
 * came with `resume` were counted by the broadcast before, and are `skipped` here.
 */
export interface MimcBroadcastProgress {
  /** Taken from the audience. */
  read: number;
  /** MIMC took the message for them. */
  accepted: number;
  /** MIMC refused it. */
  refused: number;
  /** Provably not sent, or refused with an error that is `retryable`; a resumed broadcast sends to them. */
  notSent: number;
  /** It may have been sent to them. */
  unknown: number;
  /** Not an account or topic id: left out. */
  invalid: number;
  /** Left out because they came before, within `dedupeWindow`. */
  duplicates: number;
  /** Left out because `resume` says that they are settled. */
  skipped: number;
}

/** How a broadcast ended. */
export interface MimcBroadcastSummary extends MimcBroadcastProgress {
  /**
   * `end`: the audience was read to its end, and no recipient is left to send to again. `abort`: the signal, a loop that was left, a hook that threw or a shutdown.
   * `failures`: see `stopAfterConsecutiveFailures` and `giveUpAfterMs`. `source-error`: the audience threw.
   */
  stoppedBy: 'end' | 'abort' | 'failures' | 'source-error';
  /** What stopped it, when that was an error. */
  error?: unknown;
}

/** Options of a broadcast. */
export interface MimcBroadcastOptions<R> {
  /**
   * Recipients of a request. Default: a fifth of the quota of a second (10 accounts or 4 topics by MIMC's own), so that a
   * single push waits little during a broadcast, and one `unknown` affects few people.
   */
  chunkSize?: number | undefined;
  /** Chunks at a time: waiting for quota, in flight, or settled and not yet taken by the loop. 1 to 10,000; default 8. */
  concurrency?: number | undefined;
  /** Continues from a checkpoint of the same audience in the same order; `chunkSize` may differ. */
  resume?: MimcBroadcastCheckpoint | undefined;
  /**
   * Ends the broadcast when this many chunks in a row fail for a reason that does not pass by itself, so that the error is
   * not `retryable`. Default 10; `false` never does.
   */
  stopAfterConsecutiveFailures?: number | false | undefined;
  /**
   * Ends the broadcast when nothing has succeeded for this long, in milliseconds, since a chunk failed for a reason that
   * passes by itself: throttled, no connection, limiter away. Until then the whole broadcast pauses, 1 s after the first
   * such failure and doubled up to 30 s, and continues with the same chunks. A single chunk that keeps failing for as long
   * while others succeed is reported and not settled. 1 to 2,147,483,647, default 600,000 (10 min); `false` never gives up.
   */
  giveUpAfterMs?: number | false | undefined;
  /** Skips a recipient seen among the last N distinct ones. 0 to 10,000,000; default 0: no de-duplication. */
  dedupeWindow?: number | undefined;
  /**
   * What to do about an entry of the audience that is not an account or topic id: `report` it as an outcome of its own and
   * continue (default), or report it and `stop`, as `source-error`.
   */
  onInvalid?: 'report' | 'stop' | undefined;
  /** Called once for each chunk, before it is sent, and awaited; one that throws ends the broadcast with the chunk unsent. */
  beforeChunk?: ((chunk: MimcBroadcastChunk<R>) => void | Promise<void>) | undefined;
  /** Stops reading and admission; chunks that were sent finish, and the iteration ends as usual. */
  signal?: AbortSignal | undefined;
  /** As of one push. */
  retry?: PushOptions['retry'] | undefined;
  /** The lane of the chunks. Default `bulk`. */
  priority?: PushOptions['priority'] | undefined;
}

class BroadcastRules {
  @IfSet() @IsIntFrom(1, MAX_RECIPIENTS) chunkSize?: unknown;
  @IfSet() @IsIntFrom(1, 10_000) concurrency?: unknown;
  @IfSet() @IsPlainObject() resume?: unknown;
  @IfSet() @IsCountOrFalse() stopAfterConsecutiveFailures?: unknown;
  @IfSet() @IsCountOrFalse(MAX_TIMER_MS) giveUpAfterMs?: unknown;
  @IfSet() @IsIntFrom(0, 10_000_000) dedupeWindow?: unknown;
  @IfSet() @IsIn(['report', 'stop']) onInvalid?: unknown;
  @IfSet() @IsFunction() beforeChunk?: unknown;
  @IfSet() @IsAbortSignal() signal?: unknown;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsIn(['interactive', 'bulk']) priority?: unknown;
}

/** The options of a broadcast, each read once, and what is wrong with them; each field is named as `options.…`. */
export function checkBroadcastOptions<R>(given: unknown) {
  const { value = new BroadcastRules(), violations } = check(BroadcastRules, given, 'options');
  const retry = checkRetry(value.retry, 'options.retry');
  value.retry = retry.value;
  const resume = checkCheckpoint(value.resume);
  value.resume = resume.value;
  const found = [...violations, ...retry.violations, ...resume.violations];
  return { value: value as MimcBroadcastOptions<R>, violations: found };
}

/** A checkpoint, of which each field was read once. What is not an object is for the rules of the options to refuse. */
function checkCheckpoint(given: unknown): Checked<MimcBroadcastCheckpoint> {
  const value = isRecord(given) ? copyOfCheckpoint(given) : undefined;
  if (value !== undefined || !isRecord(given)) return { value, violations: [] };
  const message = 'options.resume must be a checkpoint: { watermark, ranges }, with sorted, non-overlapping ranges';
  return { value, violations: [{ field: 'options.resume', rule: 'isCheckpoint', message }] };
}
