import type { BatchPushReceipt, MimcErrorCode, MimcError, PushReceipt } from '../../index.js';

/** What came of recipients: as for pushes, or they were invalid, cancelled or expired. */
export type MimcQueuedOutcome = 'accepted' | 'refused' | 'not-sent' | 'unknown' | 'invalid' | 'cancelled' | 'expired';

/** What came of a part of a job, as Redis keeps it. */
export interface Part {
  /** Behind the last recipient of the part. */
  readonly to: number;
  readonly outcome: MimcQueuedOutcome;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** The run of the job that sent to them. */
  readonly run?: string;
  /** Whether that run was given up: it may yet say what came of it. */
  readonly givenUp?: boolean;
  readonly receipt?: PushReceipt | BatchPushReceipt;
  /** Requests to these recipients, in all runs. Of an accepted part, the receipt says it. */
  readonly attempts?: number;
  /** Of the call that failed. */
  readonly callId?: string;
  readonly code?: MimcErrorCode;
  readonly message?: string;
  readonly httpStatus?: number;
  readonly apiCode?: number;
}

/** Recipients of a broadcast by outcome, as they are counted. */
export type Count = 'accepted' | 'refused' | 'notSent' | 'unknown' | 'invalid';

export const COUNT_OF: Readonly<Record<MimcQueuedOutcome, Count>> = {
  accepted: 'accepted',
  refused: 'refused',
  'not-sent': 'notSent',
  unknown: 'unknown',
  invalid: 'invalid',
  cancelled: 'notSent',
  expired: 'notSent',
};

/** What of a part is known from an error. Never holds a credential. */
export function failedPart(to: number, error: MimcError, attempts: number): Part {
  const { outcome, callId, code, message, httpStatus, apiCode } = error;
  return partOf(to, outcome, {
    attempts,
    ...(callId && { callId }),
    code,
    message,
    ...(httpStatus && { httpStatus }),
    ...(apiCode && { apiCode }),
  });
}

export function partOf(to: number, outcome: MimcQueuedOutcome, more: Partial<Part> = {}): Part {
  return { to, outcome, at: Date.now(), ...more };
}

const PART = 'part:';

/** The parts of a job, by the recipient that each begins with. */
export function partsOf(fields: Readonly<Record<string, string>>): Map<number, Part> {
  const parts = Object.entries(fields).filter(([field]) => field.startsWith(PART));
  return new Map(parts.map(([field, json]) => [Number(field.slice(PART.length)), JSON.parse(json) as Part]));
}
