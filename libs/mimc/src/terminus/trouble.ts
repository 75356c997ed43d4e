import type { MimcPushStatus } from '../index.js';

/** Up to where a module counts as healthy. */
export interface HealthLimits {
  /** Failed attempts in a row with which it is down. Default 5. */
  maxConsecutiveFailures: number;
  /** Calls that may wait for either quota. Default: no limit but the module's own `quota.maxQueued`. */
  maxQueued: number;
  /** After how many milliseconds without a further failure the latest no longer counts. Default 60,000. */
  forgetAfterMs: number;
}

/** Why a module is not healthy; undefined when it is. */
export function troubleOf(status: MimcPushStatus, limits: HealthLimits): string | undefined {
  if (status.closing) return 'The application is shutting down';
  return failureTrouble(status, limits) ?? queueTrouble(status, limits);
}

function failureTrouble(
  { consecutiveFailures, lastFailure, lastFailureAgeMs = Infinity }: MimcPushStatus,
  { maxConsecutiveFailures, forgetAfterMs }: HealthLimits,
): string | undefined {
  if (lastFailure === undefined || consecutiveFailures === 0 || lastFailureAgeMs > forgetAfterMs) return;
  if (lastFailure.code === 'MIMC_AUTH') return 'MIMC refuses the credentials';
  if (consecutiveFailures < maxConsecutiveFailures) return;
  return `The last ${consecutiveFailures} attempts failed`;
}

function queueTrouble({ accounts, topics }: MimcPushStatus, { maxQueued }: HealthLimits): string | undefined {
  const queued = Math.max(accounts.queued, topics.queued);
  return queued > maxQueued ? `${queued} calls wait for quota` : undefined;
}
