import type { MimcAudience, MimcBroadcastMessage, MimcErrorCode, MimcQuotaKind, TopicId } from '../../index.js';
import type { MimcQueuedOutcome } from './job-outcome.js';
import type { MessageSettings, MimcQueueDefaults } from './queue-options.js';
import type { MimcSendWindow } from './send-window.js';

/** What {@link MimcBroadcastQueue.enqueue} takes. */
export type MimcBroadcastRequest = MimcQueueDefaults & {
  /**
   * Names the broadcast: 1 to 100 letters, digits and `-._~`. Enqueuing the same message and audience again under the same
   * id continues that broadcast; anything else is refused.
   */
  id: string;
  /** The push DTO without its recipients. */
  message: MimcBroadcastMessage;
  /** Not before this time. */
  startAt?: Date | undefined;
  /** Not after this time: remaining recipients are reported as not sent. */
  expiresAt?: Date | undefined;
  /** The hours in which it may send. Default: any time. */
  window?: MimcSendWindow | undefined;
  /** Its share of the quota relative to other broadcasts: 1 to 100, default 1. */
  weight?: number | undefined;
} & (
    | {
        kind?: 'accounts' | undefined;
        /** In the same order whenever it is enqueued again. */ audience: MimcAudience<string>;
      }
    | { kind: 'topics'; /** In the same order whenever it is enqueued again. */ audience: MimcAudience<TopicId> }
  );

/** The state of a broadcast. Nothing is sent while it is `enqueuing`, that is, until its whole audience is in Redis. */
export type MimcQueuedState = 'scheduled' | 'enqueuing' | 'running' | 'paused' | 'done' | 'cancelled' | 'expired';

/** Recipients of a queued broadcast. `read` is the sum of the others. */
export interface MimcQueuedCounts {
  /** Read from the audience. */
  read: number;
  /** MIMC accepted the message for them. */
  accepted: number;
  /** MIMC refused it. */
  refused: number;
  /** Provably not sent: the message broke a rule of the worker, or the broadcast was cancelled or expired. */
  notSent: number;
  /** It may have been sent to them. */
  unknown: number;
  /** Not a valid account or topic id: left out. */
  invalid: number;
  /** Not settled yet. */
  pending: number;
}

/** Why a broadcast paused by itself: the failure that caused it. */
export interface MimcPauseReason {
  code: MimcErrorCode;
  message: string;
}

/** A snapshot of a queued broadcast. */
export interface MimcQueuedBroadcast {
  id: string;
  kind: MimcQuotaKind;
  state: MimcQueuedState;
  /** Whether it is over: `done`, or `cancelled` or `expired` with all recipients reported. */
  ended: boolean;
  counts: MimcQueuedCounts;
  /** Present only if failures paused it. */
  pausedBy?: MimcPauseReason;
  weight: number;
  createdAt: Date;
  startAt?: Date;
  expiresAt?: Date;
  endedAt?: Date;
}

/** Recipients who did not get the message, or may not have got it. */
export interface MimcFailedChunk {
  /** Offset of the first of them in the audience. */
  offset: number;
  outcome: Exclude<MimcQueuedOutcome, 'accepted'>;
  /** Topic ids are decimal strings. An invalid entry is shown as text of at most 100 characters. */
  recipients: readonly string[];
  /** Requests attempted, including those before a pause or restart. Absent if there was none. */
  attempts?: number;
  /** Of the failed call, as in logs and events. Absent if there was none. */
  callId?: string;
  /** Absent if there was no error: `invalid`, `cancelled`, `expired`, or `unknown` because the worker died. */
  code?: MimcErrorCode;
  /** What went wrong. Never holds a credential. */
  message?: string;
  httpStatus?: number;
  apiCode?: number;
  at: Date;
}

/** What does not change about a broadcast once it is enqueued, as Redis stores it. */
export interface BroadcastPlan extends Readonly<MessageSettings> {
  readonly kind: MimcQuotaKind;
  readonly message: MimcBroadcastMessage;
  readonly chunkSize: number;
  readonly weight: number;
  /** In milliseconds since 1970. */
  readonly createdAt: number;
  readonly startAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly window?: MimcSendWindow | undefined;
}
