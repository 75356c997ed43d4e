import type { MimcLimiterStatus, MimcPermit, MimcRateLimiter } from './rate-limiter.js';

const PERMIT: MimcPermit = { settle() {}, cancel() {} };

const STATUS: MimcLimiterStatus = { queued: 0, usedUnits: 0, resumesInMs: 0 };

/** Admits everything at once: what `quota: false` stands for. */
export class UnlimitedLimiter implements MimcRateLimiter {
  acquire(): Promise<MimcPermit> {
    return Promise.resolve(PERMIT);
  }

  tryAcquire(): MimcPermit {
    return PERMIT;
  }

  penalize(): void {}

  status(): MimcLimiterStatus {
    return STATUS;
  }

  close(): void {}
}
