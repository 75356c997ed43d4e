import type { EmulatorFault } from 'nestjs-mimc/testing';

/** A way in which the emulator can fail, for the console to offer. */
export interface FaultPreset {
  label: string;
  /** What comes of a push that meets it. */
  effect: string;
  fault: EmulatorFault;
}

/** By the id with which they are asked for. */
export const FAULT_PRESETS: Readonly<Record<string, FaultPreset>> = {
  throttled: {
    label: 'Throttled',
    effect: 'Code 429. Each push is tried three times, then refused.',
    fault: { kind: 'code', code: 429, message: 'quota exceeded' },
  },
  'throttled-long': {
    label: 'Throttled for 40 seconds',
    effect: 'Code 429 with Retry-After: 40. Pushes after it are not sent, as they could not be in time.',
    fault: { kind: 'code', code: 429, message: 'quota exceeded', retryAfter: '40' },
  },
  credentials: {
    label: 'Credentials refused',
    effect: 'Code 401. Refused.',
    fault: { kind: 'code', code: 401, message: 'appKey is wrong' },
  },
  forbidden: {
    label: 'Forbidden',
    effect: 'Code 403. Refused.',
    fault: { kind: 'code', code: 403, message: 'fromAccount may not send' },
  },
  unavailable: {
    label: 'Service unavailable',
    effect: 'HTTP 503 without an envelope. Unknown, as a proxy may have lost the answer.',
    fault: { kind: 'status', status: 503 },
  },
  'error-page': {
    label: 'HTML error page',
    effect: 'HTTP 502 from a gateway. Unknown.',
    fault: { kind: 'html' },
  },
  reset: {
    label: 'Connection reset',
    effect: 'The message arrives, its answer does not. Unknown.',
    fault: { kind: 'reset', when: 'after-read' },
  },
  truncated: {
    label: 'Truncated answer',
    effect: 'The message arrives, half of the answer too. Unknown.',
    fault: { kind: 'truncate' },
  },
  hang: {
    label: 'No answer',
    effect: 'The message arrives, and the push times out. Unknown.',
    fault: { kind: 'hang' },
  },
  slow: {
    label: 'Slow answer',
    effect: 'Two seconds late. Accepted all the same.',
    fault: { kind: 'delay', ms: 2_000 },
  },
};
