import type {
  MimcBroadcastCheckpoint,
  MimcBroadcastProgress,
  MimcBroadcastSummary,
  MimcErrorCode,
  MimcOutcome,
} from 'nestjs-mimc';
import type { BroadcastKind } from './broadcast-request.js';

/** Over all passes, a pause beginning a new one; what a pass skips was counted by the one before. */
export type BroadcastProgress = Omit<MimcBroadcastProgress, 'skipped'>;

export type BroadcastStatus = 'running' | 'paused' | 'done' | 'cancelled' | 'failed';

/** A chunk that was not accepted, for an operator to act upon. */
export interface BroadcastFailure {
  offset: number;
  recipients: string[];
  /** Absent where there was no error, as when a worker died. */
  code?: MimcErrorCode;
  outcome: MimcOutcome;
  message: string;
}

/** More recipients of failures than this are not listed: memory and answers stay small however much fails. */
export const MAX_LISTED = 1_000;

/** What there is to know about a broadcast. */
export interface BroadcastState {
  id: string;
  kind: BroadcastKind;
  /** `failed`: it stopped by itself; it may be resumed, as one that is `paused`. */
  state: BroadcastStatus;
  /** Why its last pass ended. */
  stoppedBy?: MimcBroadcastSummary['stoppedBy'];
  /** What stopped it, when that was an error. */
  error?: { code?: string; message: string };
  /** Recipients of the audience. */
  total: number;
  progress: BroadcastProgress;
  /** Absent on a queue, which keeps its own. */
  checkpoint?: MimcBroadcastCheckpoint;
  /** The first ones; recipients that a pause left unsent are none. */
  failures: BroadcastFailure[];
  /** Recipients of failures that are not listed. */
  failuresOmitted: number;
  createdAt: string;
  finishedAt?: string;
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

/** The same with the first failures alone, of no more recipients than `most`. */
export function withFewFailures(state: BroadcastState, most: number): BroadcastState {
  let room = most;
  const failures: BroadcastFailure[] = [];
  for (const failure of state.failures) {
    if (room <= 0) break;
    const recipients = failure.recipients.slice(0, room);
    failures.push({ ...failure, recipients });
    room -= recipients.length;
  }
  const listed = (list: BroadcastFailure[]) => list.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return { ...state, failures, failuresOmitted: state.failuresOmitted + listed(state.failures) - listed(failures) };
}

/** Whether it came to an end that no resume can change. */
export function isFinal(state: BroadcastStatus): boolean {
  return state === 'done' || state === 'cancelled';
}
