import type { EmulatorFault } from 'nestjs-mimc/testing';

/** Faults of the emulator that the console offers, by their ids; the page has a label and an explanation for each. */
export const FAULT_PRESETS: Readonly<Record<string, EmulatorFault>> = {
  throttled: { kind: 'code', code: 429, message: 'quota exceeded' },
  'throttled-long': { kind: 'code', code: 429, message: 'quota exceeded', retryAfter: '40' },
  credentials: { kind: 'code', code: 401, message: 'appKey is wrong' },
  forbidden: { kind: 'code', code: 403, message: 'fromAccount may not send' },
  unavailable: { kind: 'status', status: 503 },
  'error-page': { kind: 'html' },
  reset: { kind: 'reset', when: 'after-read' },
  truncated: { kind: 'truncate' },
  hang: { kind: 'hang' },
  slow: { kind: 'delay', ms: 2_000 },
};
