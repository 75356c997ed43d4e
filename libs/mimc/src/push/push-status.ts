import type { MimcLimiterStatus } from '../pacing/rate-limiter.js';
import type { MimcRecentAttempts } from '../delivery/push-watch.js';

/** One quota of a module, now. */
export interface MimcQuotaStatus extends MimcLimiterStatus {
  /** What it allows; absent with `quota: false`. */
  unitsPerSecond?: number | undefined;
}

/** What a module knows about itself without sending a push. */
export interface MimcPushStatus extends MimcRecentAttempts {
  /** Whether the application is shutting down: calls are refused. */
  closing: boolean;
  accounts: MimcQuotaStatus;
  topics: MimcQuotaStatus;
  unlimitedTopics: MimcQuotaStatus;
}
