import { MimcError } from '../../index.js';
import { notSent } from '../../internals.js';

/** Redis did not answer; `reason` says why: `MIMC_CONNECT`. */
export function redisAway(reason: string): MimcError {
  return notSent('MIMC_CONNECT', `Cannot reach Redis, which holds the quota (${reason})`);
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
