import { MimcError, type MimcErrorCode } from '../../errors/mimc-error.js';

/** An error of the limiter: nothing was sent. */
export function notSent(code: MimcErrorCode, message: string): MimcError {
  return new MimcError({ code, outcome: 'not-sent', message });
}

/** Redis did not consent, for what `reason` names: `MIMC_CONNECT`. */
export function redisAway(reason: string): MimcError {
  return notSent('MIMC_CONNECT', `Redis, which keeps the quota, is out of reach (${reason})`);
}

/** What of an error of Redis or its client may be told: a code or a name, as the rest may hold arguments. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,}\b/.exec(error.message)?.[0] ?? error.name;
}
