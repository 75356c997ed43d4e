import { MimcError } from '../../index.js';
import { notSent } from '../../internals.js';

/** `MIMC_CONNECT`: Redis did not answer; `reason` says why. */
export function redisAway(reason: string): MimcError {
  return notSent('MIMC_CONNECT', `Cannot reach Redis, which holds the quota (${reason})`);
}

/** `MIMC_CONFIG`: the Redis user may not run the script, which waiting does not fix. */
export function scriptsForbidden(reason: string): MimcError {
  const right = 'The Redis user of the limiter must be allowed to run scripts (EVAL, EVALSHA) and their commands';
  return notSent('MIMC_CONFIG', `${right} on the keys with its prefix (${reason})`);
}

const FORBIDDEN = /\bNOPERM\b|\bACL failure\b|\buser executing the script\b|^ERR unknown command\b/;

/** Whether Redis refused a script or one of its commands because the user lacks the right or a provider disabled it. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && FORBIDDEN.test(error.message);
}

/** Whether the client rejected a command because it is not connected and its offline queue is disabled. */
export function isOfflineRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.includes('enableOfflineQueue');
}
