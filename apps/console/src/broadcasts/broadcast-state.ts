import type { MimcBroadcastProgress, MimcErrorCode } from 'nestjs-mimc';
import type { MimcFailedChunk, MimcQueuedState } from 'nestjs-mimc/bullmq';
import type { BroadcastKind } from './broadcast-request.js';

/** Over all passes, a pause beginning a new one; what a pass skips was counted by the one before. */
export type BroadcastProgress = Omit<MimcBroadcastProgress, 'skipped'>;

/** The states of the queue, for broadcasts in this process too. */
export type BroadcastStatus = MimcQueuedState;

/** A chunk that was not accepted, for an operator to act upon. */
export interface BroadcastFailure {
  offset: number;
  recipients: string[];
  outcome: MimcFailedChunk['outcome'];
  /** Absent where there was no error, as when a worker died. */
  code?: MimcErrorCode;
  httpStatus?: number;
  apiCode?: number;
  message: string;
  at: string;
}

/** More recipients of failures than this are not listed: memory and answers stay small however much fails. */
export const MAX_LISTED = 1_000;

/** A broadcast in a list. */
export interface BroadcastSummary {
  id: string;
  kind: BroadcastKind;
  state: BroadcastStatus;
  /** What paused it, when that was not a person. */
  error?: { code?: string; message: string };
  /** Recipients of the audience; of one that is `enqueuing`, those there are so far. */
  total: number;
  progress: BroadcastProgress;
  createdAt: string;
  /** When it is to begin, if that was asked for. */
  startAt?: string;
  /** Absent until it is over: then nothing changes any more, unless it is sent again to those who were not reached. */
  finishedAt?: string;
}

/** What there is to know about a broadcast. */
export interface BroadcastState extends BroadcastSummary {
  /** The first ones; recipients that a pause left unsent are none. */
  failures: BroadcastFailure[];
  /** Recipients of failures that are not listed. */
  failuresOmitted: number;
}

/** Nothing yet. */
export const NO_PROGRESS: BroadcastProgress = {
  read: 0,
  accepted: 0,
  refused: 0,
  notSent: 0,
  unknown: 0,
  invalid: 0,
  duplicates: 0,
};

/** Progress after a pass that went on from where `before` ended. Whom `before` left unsent, the pass sends to or counts again. */
export function addProgress(before: BroadcastProgress, pass: MimcBroadcastProgress): BroadcastProgress {
  return {
    // A pass reads the audience from its beginning, past what is settled.
    read: Math.max(before.read, pass.read),
    accepted: before.accepted + pass.accepted,
    refused: before.refused + pass.refused,
    notSent: pass.notSent,
    unknown: before.unknown + pass.unknown,
    invalid: before.invalid + pass.invalid,
    duplicates: before.duplicates + pass.duplicates,
  };
}

/** Recipients who need nothing more sent. */
export function settledOf({ accepted, refused, unknown, invalid, duplicates }: BroadcastProgress): number {
  return accepted + refused + unknown + invalid + duplicates;
}

/** The first failures, of no more recipients than `most`. */
export function firstFailures(failures: readonly BroadcastFailure[], most: number): BroadcastFailure[] {
  let room = most;
  const first: BroadcastFailure[] = [];
  for (const failure of failures) {
    if (room <= 0) break;
    const recipients = failure.recipients.slice(0, room);
    first.push({ ...failure, recipients });
    room -= recipients.length;
  }
  return first;
}

/** The same with the first failures alone, of no more recipients than `most`. */
export function withFewFailures(state: BroadcastState, most: number): BroadcastState {
  const failures = firstFailures(state.failures, most);
  return {
    ...state,
    failures,
    failuresOmitted: state.failuresOmitted + recipientsIn(state.failures) - recipientsIn(failures),
  };
}

export function recipientsIn(failures: readonly BroadcastFailure[]): number {
  return failures.reduce((sum, { recipients }) => sum + recipients.length, 0);
}
