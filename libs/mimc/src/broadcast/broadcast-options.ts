import { IsIn, IsInt, Max, Min, ValidateBy } from 'class-validator';
import type { MimcError } from '../errors/mimc-error.js';
import { checkRetry, IsAbortSignal, IsObjectOrFalse, PushOptions } from '../push/push-options.js';
import { MAX_RECIPIENTS, PushMessageDto } from '../push/push.dto.js';
import type { BatchPushReceipt } from '../push/receipts.js';
import { check, IfSet } from '../push/validation.js';
import { isCheckpoint, MimcBroadcastCheckpoint } from './settled-ranges.js';

/** Recipients one by one or in pages; a page is an array. Offsets count recipients. */
export type MimcAudience<R> = Iterable<R | readonly R[]> | AsyncIterable<R | readonly R[]>;

/** The push DTO without its recipients. */
export type MimcBroadcastMessage = Pick<PushMessageDto, keyof PushMessageDto>;

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

/** Recipients of a broadcast so far. `read` is the sum of all others and, until the end, of those under way. */
export interface MimcBroadcastProgress {
  /** Taken from the audience. */
  read: number;
  /** MIMC took the message for them. */
  accepted: number;
  /** MIMC refused it. */
  refused: number;
  /** Provably not sent; a resumed broadcast sends to them. */
  notSent: number;
  /** It may have been sent to them. */
  unknown: number;
  /** No account or topic id: left out. */
  invalid: number;
  /** Left out because they came before, within `dedupeWindow`. */
  duplicates: number;
  /** Left out because `resume` says that they are settled. */
  skipped: number;
}

/** How a broadcast ended. */
export interface MimcBroadcastSummary extends MimcBroadcastProgress {
  /**
   * `end`: the audience was read to its end. `abort`: the signal, a loop that was left, a hook that threw or a shutdown.
   * `failures`: see `stopAfterConsecutiveFailures`. `source-error`: the audience threw.
   */
  stoppedBy: 'end' | 'abort' | 'failures' | 'source-error';
  /** What stopped it, when that was an error. */
  error?: unknown;
}

/** Options of a broadcast. */
export interface MimcBroadcastOptions<R> {
  /**
   * Recipients of a request. Default: a fifth of the quota of a second (10 accounts or 4 topics by MIMC's own), so that a
   * single push waits little beside a broadcast, and one `unknown` touches few people.
   */
  chunkSize?: number | undefined;
  /** Chunks under way at a time: waiting for quota, sent, or settled and not yet taken by the loop. Default 8. */
  concurrency?: number | undefined;
  /** Goes on from a checkpoint of the same audience in the same order; `chunkSize` may differ. */
  resume?: MimcBroadcastCheckpoint | undefined;
  /** Ends the broadcast when so many chunks fail in a row. Default 10; `false` never does. */
  stopAfterConsecutiveFailures?: number | false | undefined;
  /** Leaves out a recipient that is among so many different ones before it. Default 0: everyone gets what he is listed for. */
  dedupeWindow?: number | undefined;
  /**
   * What to do about an entry of the audience that is no account or topic id: `report` it as an outcome of its own and go
   * on (default), or report it and `stop`, as `source-error`.
   */
  onInvalid?: 'report' | 'stop' | undefined;
  /** Called before each chunk is sent, and awaited; one that throws ends the broadcast with the chunk unsent. */
  beforeChunk?: ((chunk: MimcBroadcastChunk<R>) => void | Promise<void>) | undefined;
  /** Stops reading and admission; chunks that were sent finish, and the iteration ends as usual. */
  signal?: AbortSignal | undefined;
  /** As of one push. */
  retry?: PushOptions['retry'] | undefined;
  /** The lane of the chunks. Default `bulk`. */
  priority?: PushOptions['priority'] | undefined;
}

class BroadcastRules {
  @IfSet() @Max(MAX_RECIPIENTS) @Min(1) @IsInt() chunkSize?: unknown;
  @IfSet() @Max(10_000) @Min(1) @IsInt() concurrency?: unknown;
  @IfSet() @IsCheckpoint() resume?: unknown;
  @IfSet() @IsCountOrFalse() stopAfterConsecutiveFailures?: unknown;
  @IfSet() @Max(10_000_000) @Min(0) @IsInt() dedupeWindow?: unknown;
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
  return { value: value as MimcBroadcastOptions<R>, violations: [...violations, ...retry.violations] };
}

function IsCheckpoint(): PropertyDecorator {
  const defaultMessage = () => '$property must be a checkpoint: { watermark, ranges }, ranges in order and apart';
  return ValidateBy({ name: 'isCheckpoint', validator: { validate: isCheckpoint, defaultMessage } });
}

function IsCountOrFalse(): PropertyDecorator {
  const validate = (value: unknown) => value === false || (Number.isSafeInteger(value) && Number(value) > 0);
  const defaultMessage = () => '$property must be a positive integer or false';
  return ValidateBy({ name: 'isCountOrFalse', validator: { validate, defaultMessage } });
}

function IsFunction(): PropertyDecorator {
  const validate = (value: unknown) => typeof value === 'function';
  return ValidateBy({
    name: 'isFunction',
    validator: { validate, defaultMessage: () => '$property must be a function' },
  });
}
