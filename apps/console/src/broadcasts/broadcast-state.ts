import type { MimcBroadcastProgress, MimcErrorCode } from 'nestjs-mimc';
import type { MimcFailedChunk, MimcQueuedState } from 'nestjs-mimc/bullmq';
import type { BroadcastKind } from './broadcast-request.js';

/** Counts over all passes; each resume starts a pass, which skips what an earlier one has counted. */
export type BroadcastProgress = Omit<MimcBroadcastProgress, 'skipped'>;

/** The states of the queue, also for broadcasts in this process. */
export type BroadcastStatus = MimcQueuedState;

/** A chunk that was not accepted, for an operator to act on. */
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

/** Most recipients listed in failures, which keeps memory and answers small however much fails. */
export const MAX_LISTED = 1_000;

/** A broadcast in a list. */
export interface BroadcastSummary {
  id: string;
  kind: BroadcastKind;
  state: BroadcastStatus;
  /** The error that paused it, if an error did. */
  error?: { code?: string; message: string };
  /** Recipients in the audience; while `enqueuing`, those stored so far. */
  total: number;
  progress: BroadcastProgress;
  createdAt: string;
  /** When it will start, if a time was given. */
  startAt?: string;
  /** Absent until it is over. After that nothing changes, unless it is resent to recipients who were not reached. */
  finishedAt?: string;
}

/** Everything about a broadcast. */
export interface BroadcastState extends BroadcastSummary {
  /** The first ones; recipients left unsent by a pause are not failures. */
  failures: BroadcastFailure[];
  /** Recipients of failures that are not listed. */
  failuresOmitted: number;
}

/** All counts zero. */
export const NO_PROGRESS: BroadcastProgress = {
  read: 0,
  accepted: 0,
  refused: 0,
  notSent: 0,
  unknown: 0,
  invalid: 0,
  duplicates: 0,
};

/** Progress after a pass that continued from `before`. The pass sends to the recipients that `before` left unsent, or counts them again. */
export function addProgress(before: BroadcastProgress, pass: MimcBroadcastProgress): BroadcastProgress {
  return {
    // A pass reads the audience from its beginning and skips settled recipients.
    read: Math.max(before.read, pass.read),
    accepted: before.accepted + pass.accepted,
    refused: before.refused + pass.refused,
    notSent: pass.notSent,
    unknown: before.unknown + pass.unknown,
    invalid: before.invalid + pass.invalid,
    duplicates: before.duplicates + pass.duplicates,
  };
}

/** Recipients whose outcome is settled. */
export function settledOf({ accepted, refused, unknown, invalid, duplicates }: BroadcastProgress): number {
  return accepted + refused + unknown + invalid + duplicates;
}

/** The first failures, with at most `most` recipients. */
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

/** The same state with only the first failures, with at most `most` recipients. */
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
