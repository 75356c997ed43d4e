import type { MimcPushStatus, MimcQuotaStatus } from '../index.js';

/** What a health check shows of a module; none of it is secret. */
export function healthDetails({ consecutiveFailures, accounts, topics, ...last }: MimcPushStatus) {
  return {
    consecutiveFailures,
    ...(last.lastSuccessAt !== undefined && { lastSuccessAt: new Date(last.lastSuccessAt).toISOString() }),
    ...(last.lastFailureAt !== undefined && { lastFailureAt: new Date(last.lastFailureAt).toISOString() }),
    ...(last.lastFailure !== undefined && { lastFailure: { ...last.lastFailure } }),
    accounts: quotaDetails(accounts),
    topics: quotaDetails(topics),
  };
}

function quotaDetails({ queued, usedUnits, unitsPerSecond, resumesInMs }: MimcQuotaStatus) {
  return {
    queued,
    usedUnits,
    ...(unitsPerSecond !== undefined && { unitsPerSecond }),
    /** How long the penalty lasts; 0 when there is none. */
    resumesInMs: Math.ceil(resumesInMs),
  };
}
