import { type MimcError, notSent } from '../errors/mimc-error.js';
import { limitsOf } from '../pacing/quota.js';
import type { MimcAcquireOptions, MimcLane, MimcRateLimiter } from '../pacing/rate-limiter.js';
import { limiterOf } from '../push/limiter-of.js';
import type { MimcSettings } from '../push/settings.js';

/** A limiter, and for whom it is. */
interface Shared {
  readonly limiter: MimcRateLimiter;
  /** MIMC's server and the app on it: MIMC counts a quota for each. */
  readonly app: string;
  /** The quota options, to compare. */
  readonly quota: string;
  /** Buckets of a limiter of ours; a given one is closed as soon as nobody uses it. */
  readonly buckets: readonly string[] | undefined;
  tenants: number;
}

/**
 * The limiters of all tenants. MIMC counts the quota for an app, so tenants of one app share a limiter, and no others do. A limiter
 * is kept while units are used or a penalty lasts, so that a tenant that comes back does not begin with a fresh quota.
 */
export class TenantLimiters {
  readonly #shared = new Map<string | MimcRateLimiter, Shared>();
  /** Given ones that were closed with their last tenant. */
  readonly #closed = new WeakSet<MimcRateLimiter>();

  /**
   * The limiter for a tenant with these settings, which gives it back by closing it.
   *
   * @throws MimcError `MIMC_CONFIG` when another tenant is in the way
   */
  lease(settings: MimcSettings): MimcRateLimiter {
    this.sweep();
    const { origin, basePath, appId, limiter } = settings;
    const app = `${origin}${basePath}/${appId}`;
    const key = limiter ?? app;
    const quota = JSON.stringify(settings.quota);
    if (limiter !== undefined && this.#closed.has(limiter)) {
      throw refused(
        'limiter was closed with the last tenant that used it: make one in resolve, each time it is called',
      );
    }
    this.#check(key, app, quota);
    const before = this.#shared.get(key);
    const shared = before?.quota === quota ? before : this.#add(key, settings, { app, quota });
    shared.tenants += 1;
    return leaseOf(shared.limiter, () => this.#giveBack(key, shared));
  }

  /** Closes limiters that nobody uses and that are at rest. */
  sweep(): void {
    for (const [key, shared] of this.#shared) {
      if (shared.tenants === 0 && isAtRest(shared)) void this.#drop(key, shared);
    }
  }

  /** Closes those that are left, when all tenants are closed. */
  close(): void {
    for (const [key, shared] of this.#shared) void this.#drop(key, shared);
  }

  #check(key: string | MimcRateLimiter, app: string, quota: string): void {
    for (const [other, shared] of this.#shared) {
      if (shared.tenants === 0) continue;
      if (other === key && shared.app !== app) throw refused('limiter is used by a tenant of another app');
      if (shared.app !== app) continue;
      if (typeof other !== typeof key) {
        throw refused('limiter must be given to all tenants of an app, or to none: they share its quota');
      }
      if (other === key && shared.quota !== quota) {
        throw refused('quota must be the same for all tenants of an app: they share it');
      }
    }
  }

  #add(key: string | MimcRateLimiter, settings: MimcSettings, of: Pick<Shared, 'app' | 'quota'>): Shared {
    const { limiter: given, quota } = settings;
    const buckets = given === undefined ? Object.keys(quota === false ? {} : limitsOf(quota)) : undefined;
    const shared = { ...of, limiter: limiterOf(settings), buckets, tenants: 0 };
    this.#shared.set(key, shared);
    return shared;
  }

  async #giveBack(key: string | MimcRateLimiter, shared: Shared): Promise<void> {
    shared.tenants -= 1;
    if (shared.tenants === 0 && shared.buckets === undefined) await this.#drop(key, shared);
  }

  #drop(key: string | MimcRateLimiter, shared: Shared): void | Promise<void> {
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
    if (typeof key !== 'string') this.#closed.add(key);
    return shared.limiter.close();
  }
}

function isAtRest({ limiter, buckets = [] }: Shared): boolean {
  return buckets.every((bucket) => {
    const { queued, usedUnits, resumesInMs } = limiter.status(bucket);
    return queued + usedUnits + resumesInMs === 0;
  });
}

function refused(problem: string): MimcError {
  return notSent('MIMC_CONFIG', problem);
}

function leaseOf(limiter: MimcRateLimiter, giveBack: () => Promise<void>): MimcRateLimiter {
  let returned: Promise<void> | undefined;
  return {
    acquire: (bucket: string, units: number, options: MimcAcquireOptions) => limiter.acquire(bucket, units, options),
    tryAcquire: (bucket: string, units: number, lane: MimcLane) => limiter.tryAcquire?.(bucket, units, lane),
    penalize: (bucket: string, forMs: number) => limiter.penalize(bucket, forMs),
    status: (bucket: string) => limiter.status(bucket),
    close: () => (returned ??= giveBack()),
  };
}
