import type { MimcAudience, MimcBroadcastMessage, MimcErrorCode, MimcQuotaKind, TopicId } from '../../index.js';

/** What {@link MimcBroadcastQueue.enqueue} takes. */
export type MimcBroadcastRequest = {
  /**
   * Names the broadcast: 1 to 100 letters, digits and `-._~`. Enqueueing again under the same id goes on with the same
   * broadcast; another message under it is refused.
   */
  id: string;
  /** The push DTO without its recipients. */
  message: MimcBroadcastMessage;
} & (
  | {
      kind?: 'accounts' | undefined;
      /** In the same order whenever it is enqueued again. */ audience: MimcAudience<string>;
    }
  | { kind: 'topics'; /** In the same order whenever it is enqueued again. */ audience: MimcAudience<TopicId> }
);

/** Where a broadcast stands. Once it is `done` or `cancelled` and nothing is under way any more, `ended` is true. */
export type MimcQueuedState = 'running' | 'paused' | 'cancelled' | 'done';

/** Recipients of a queued broadcast. `read` is the sum of all others. */
export interface MimcQueuedCounts {
  /** Taken from the audience: the enqueue position. */
  read: number;
  /** MIMC took the message for them. */
  accepted: number;
  /** MIMC refused it. */
  refused: number;
  /** Provably not sent, after all attempts, or as the broadcast was cancelled. */
  notSent: number;
  /** It may have been sent to them. At the end also those whom Redis lost, whom `failedChunks` does not list. */
  unknown: number;
  /** No account or topic id: left out. */
  invalid: number;
  /** Not settled yet. */
  pending: number;
}

/** Why a broadcast paused by itself: the last of too many failures in a row. */
export interface MimcPauseReason {
  code: MimcErrorCode;
  message: string;
}

/** A broadcast of the queue, as it is now. */
export interface MimcQueuedBroadcast {
  id: string;
  kind: MimcQuotaKind;
  state: MimcQueuedState;
  /** Whether the whole audience was enqueued. */
  enqueued: boolean;
  /** Whether it is over: `done`, or `cancelled` with nothing under way. */
  ended: boolean;
  counts: MimcQueuedCounts;
  /** Absent unless failures paused it. */
  pausedBy?: MimcPauseReason;
  createdAt: Date;
  endedAt?: Date;
}

/** Recipients who did not, or may not have got the message. */
export interface MimcFailedChunk {
  /** Offset in the audience of the first of them. */
  offset: number;
  outcome: 'refused' | 'not-sent' | 'unknown' | 'invalid';
  /** Topic ids are decimal strings. An entry that is invalid is shown as text of at most 100 characters. */
  recipients: readonly string[];
  /** Absent where there was no error: an `unknown` whose worker died, an `invalid`, a `not-sent` that was cancelled. */
  code?: MimcErrorCode | undefined;
  /** What went wrong. Never holds a credential. */
  message: string;
  httpStatus?: number | undefined;
  apiCode?: number | undefined;
}
