import { MimcError, type MimcErrorCode } from '../../errors/mimc-error.js';
import { errorName } from '../../errors/visible.js';

/** An error of the limiter: nothing was sent. */
export function notSent(code: MimcErrorCode, message: string): MimcError {
  return new MimcError({ code, outcome: 'not-sent', message });
}

/** Redis did not consent, for what `reason` names: `MIMC_CONNECT`. */
export function redisAway(reason: string): MimcError {
  return notSent('MIMC_CONNECT', `Redis, which keeps the quota, is out of reach (${reason})`);
}

const unsent = new WeakSet<object>();

/** Like {@link redisAway}, for a command that was never handed to the client. */
export function redisAwayUnsent(reason: string): MimcError {
  const error = redisAway(reason);
  unsent.add(error);
  return error;
}

/** Whether Redis may have run the command that failed with `error`. */
export function mayHaveRun(error: unknown): boolean {
  return !(typeof error === 'object' && error !== null && unsent.has(error));
}

/** What of an error of Redis or its client may be told: a code or a name, as the rest may hold arguments. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,}\b/.exec(error.message)?.[0] ?? errorName(error);
}
