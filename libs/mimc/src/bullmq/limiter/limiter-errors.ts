import { MimcError } from '../../index.js';
import { errorName, notSent } from '../../internals.js';

/** Redis did not consent, for what `reason` names: `MIMC_CONNECT`. */
export function redisAway(reason: string): MimcError {
  return notSent('MIMC_CONNECT', `Redis, which keeps the quota, is out of reach (${reason})`);
}

/** Redis runs no scripts for this user: `MIMC_CONFIG`, as that does not pass by itself. */
export function scriptsForbidden(reason: string): MimcError {
  const right = 'The Redis user of the limiter must be allowed to run scripts (EVAL, EVALSHA) and what they call';
  return notSent('MIMC_CONFIG', `${right} on the keys of its prefix (${reason})`);
}

const FORBIDDEN = /\bNOPERM\b|\bACL failure\b|\buser executing the script\b|^ERR unknown command\b/;

/** Whether Redis refuses a script, or a command in it, for lack of a right, or because a provider disabled it. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && FORBIDDEN.test(error.message);
}

/** Whether the client refused a command because it is not connected yet and must not queue it. */
export function isOfflineRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.includes('enableOfflineQueue');
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
