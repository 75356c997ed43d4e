import type { BatchPushReceipt, MimcErrorCode, MimcError, PushReceipt } from '../../index.js';

/** The outcome for recipients: one of those of a push, or `invalid`, `cancelled` or `expired`. */
export type MimcQueuedOutcome = 'accepted' | 'refused' | 'not-sent' | 'unknown' | 'invalid' | 'cancelled' | 'expired';

/** The outcome of a part of a job, as Redis stores it. */
export interface Part {
  /** End of the part, exclusive. */
  readonly to: number;
  readonly outcome: MimcQueuedOutcome;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** The run of the job that sent it. */
  readonly run?: string;
  /** Whether that run was presumed dead. It may still report its outcome. */
  readonly givenUp?: boolean;
  readonly receipt?: PushReceipt | BatchPushReceipt;
  /** Requests to these recipients, over all runs. An accepted part has it in its receipt. */
  readonly attempts?: number;
  /** The last failed call. */
  readonly callId?: string;
  readonly code?: MimcErrorCode;
  readonly message?: string;
  readonly httpStatus?: number;
  readonly apiCode?: number;
}

/** The counter of a broadcast for each outcome. */
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

/** The part of a job that failed with an error. Never holds a credential. */
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

/** The parts of a job, by the index of their first recipient. */
export function partsOf(fields: Readonly<Record<string, string>>): Map<number, Part> {
  const parts = Object.entries(fields).filter(([field]) => field.startsWith(PART));
  return new Map(parts.map(([field, json]) => [Number(field.slice(PART.length)), JSON.parse(json) as Part]));
}
