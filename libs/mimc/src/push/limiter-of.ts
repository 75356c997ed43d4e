import { GuardedLimiter } from '../pacing/guarded.limiter.js';
import { limitsOf } from '../pacing/quota.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import { SlidingWindowLimiter } from '../pacing/sliding-window.limiter.js';
import { UnlimitedLimiter } from '../pacing/unlimited.limiter.js';
import type { MimcSettings } from './settings.js';

/** The limiter of a module: the one that was given, or one of its own. */
export function limiterOf({ limiter, quota }: Pick<MimcSettings, 'limiter' | 'quota'>): MimcRateLimiter {
  if (limiter !== undefined) return new GuardedLimiter(limiter);
  if (quota === false) return new UnlimitedLimiter();
  return new SlidingWindowLimiter({ limits: limitsOf(quota), maxQueued: quota.maxQueued });
}
