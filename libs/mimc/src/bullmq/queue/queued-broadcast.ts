import type { MimcAudience, MimcBroadcastMessage, MimcErrorCode, MimcQuotaKind, TopicId } from '../../index.js';
import type { MimcQueuedOutcome } from './job-outcome.js';
import type { MimcQueueDefaults } from './queue-options.js';
import type { MimcSendWindow } from './send-window.js';

/** What {@link MimcBroadcastQueue.enqueue} takes. */
export type MimcBroadcastRequest = MimcQueueDefaults & {
  /**
   * Names the broadcast: 1 to 100 letters, digits and `-._~`. Enqueuing the same message and audience again under the same
   * id continues with the same broadcast; other ones are refused.
   */
  id: string;
  /** The push DTO without its recipients. */
  message: MimcBroadcastMessage;
  /** Not before this time. */
  startAt?: Date | undefined;
  /** Not after this time: what is left then is reported as not sent. */
  expiresAt?: Date | undefined;
  /** The hours in which it may send. Default: at any time. */
  window?: MimcSendWindow | undefined;
  /** Its share of the quota among other broadcasts: 1 to 100, default 1. */
  weight?: number | undefined;
} & (
    | {
        kind?: 'accounts' | undefined;
        /** In the same order whenever it is enqueued again. */ audience: MimcAudience<string>;
      }
    | { kind: 'topics'; /** In the same order whenever it is enqueued again. */ audience: MimcAudience<TopicId> }
  );

/** Where a broadcast stands. Nothing is sent while it is `enqueuing`, that is until its whole audience is known. */
export type MimcQueuedState = 'scheduled' | 'enqueuing' | 'running' | 'paused' | 'done' | 'cancelled' | 'expired';

/** Recipients of a queued broadcast. `read` is the sum of all others. */
export interface MimcQueuedCounts {
  /** Taken from the audience. */
  read: number;
  /** MIMC took the message for them. */
  accepted: number;
  /** MIMC refused it. */
  refused: number;
  /** Provably not sent: a message that breaks a rule of the worker, or the broadcast was cancelled or has expired. */
  notSent: number;
  /** It may have been sent to them. */
  unknown: number;
  /** Not an account or topic id: left out. */
  invalid: number;
  /** Not settled yet. */
  pending: number;
}

/** Why a broadcast paused by itself: the failure that made it. */
export interface MimcPauseReason {
  code: MimcErrorCode;
  message: string;
}

/** A broadcast of the queue, as it is now. */
export interface MimcQueuedBroadcast {
  id: string;
  kind: MimcQuotaKind;
  state: MimcQueuedState;
  /** Whether it is over: `done`, or `cancelled` or `expired` with everybody reported. */
  ended: boolean;
  counts: MimcQueuedCounts;
  /** Absent unless failures paused it. */
  pausedBy?: MimcPauseReason;
  weight: number;
  createdAt: Date;
  startAt?: Date;
  expiresAt?: Date;
  endedAt?: Date;
}

/** Recipients who did not, or may not have got the message. */
export interface MimcFailedChunk {
  /** Offset in the audience of the first of them. */
  offset: number;
  outcome: Exclude<MimcQueuedOutcome, 'accepted'>;
  /** Topic ids are decimal strings. An entry that is invalid is shown as text of at most 100 characters. */
  recipients: readonly string[];
  /** Requests that were made to them, over restarts and pauses too. Absent where there was none. */
  attempts?: number;
  /** Of the call that failed, as in logs and events. Absent where there was none, as `code` is. */
  callId?: string;
  /** Absent where there was no error: an `unknown` whose worker died, `invalid`, `cancelled`, `expired`. */
  code?: MimcErrorCode;
  /** What went wrong. Never holds a credential. */
  message?: string;
  httpStatus?: number;
  apiCode?: number;
  at: Date;
}

/** What is fixed about a broadcast once it is enqueued, as Redis keeps it. */
export interface BroadcastPlan {
  readonly kind: MimcQuotaKind;
  readonly message: MimcBroadcastMessage;
  readonly chunkSize: number;
  readonly weight: number;
  readonly delivery: 'at-most-once' | 'at-least-once';
  readonly attempts: number;
  readonly retentionMs: number;
  readonly stopAfterConsecutiveFailures: number | false;
  /** In milliseconds since 1970. */
  readonly createdAt: number;
  readonly startAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly window?: MimcSendWindow | undefined;
}
