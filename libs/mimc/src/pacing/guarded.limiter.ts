import { MimcError } from '../errors/mimc-error.js';
import { errorName } from '../errors/visible.js';
import type { MimcAcquireOptions, MimcLimiterStatus, MimcPermit, MimcRateLimiter } from './rate-limiter.js';

/**
 * A custom limiter, held to its contract: a call ends when its signal says so, a permit that comes later is given back, and
 * what throws where nothing may throw becomes a warning of the process instead of the end of a call that went well.
 */
export class GuardedLimiter implements MimcRateLimiter {
  constructor(private readonly limiter: MimcRateLimiter) {}

  acquire(bucket: string, units: number, options: MimcAcquireOptions): Promise<MimcPermit> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort);
      const ended = () => signal?.removeEventListener('abort', onAbort);
      // Asynchronous, so that what `acquire` throws at once is a rejection too.
      const asked = (async () => guardedPermit(await this.limiter.acquire(bucket, units, options)))();
      asked.then((permit) => {
        if (signal?.aborted) permit.cancel();
        return resolve(permit);
      }, reject);
      asked.then(ended, ended);
    });
  }

  penalize(bucket: string, forMs: number): void {
    guarded('penalize', () => this.limiter.penalize(bucket, forMs));
  }

  status(bucket: string): MimcLimiterStatus {
    const status: Partial<MimcLimiterStatus> = guarded('status', () => this.#statusOf(bucket)) ?? {};
    const { queued, usedUnits, resumesInMs } = status;
    return { queued: amount(queued), usedUnits: amount(usedUnits), resumesInMs: amount(resumesInMs) };
  }

  /** One that was made without this bucket says so to the call that wants it; nothing waits there. */
  #statusOf(bucket: string): MimcLimiterStatus | undefined {
    try {
      return this.limiter.status(bucket);
    } catch (error) {
      if (MimcError.is(error) && error.code === 'MIMC_CONFIG') return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.limiter.close();
    } catch (error) {
      warn('close', error);
    }
  }
}

function guardedPermit(permit: MimcPermit): MimcPermit {
  if (typeof permit?.settle !== 'function' || typeof permit.cancel !== 'function') {
    throw new TypeError('The custom MimcRateLimiter did not return a permit');
  }
  return {
    settle: () => guarded('settle', () => permit.settle()),
    cancel: () => guarded('cancel', () => permit.cancel()),
  };
}

function guarded<T>(method: string, run: () => T): T | undefined {
  try {
    const result = run();
    // One that is asynchronous, although it should not be.
    if (isThenable(result)) result.then(undefined, (error: unknown) => warn(method, error));
    return result;
  } catch (error) {
    warn(method, error);
    return undefined;
  }
}

/** A limiter that reports no number counts as reporting 0. */
function amount(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function warn(method: string, error: unknown): void {
  process.emitWarning(`The custom MimcRateLimiter threw in ${method} (${errorName(error)})`, 'MimcLimiterWarning');
}
