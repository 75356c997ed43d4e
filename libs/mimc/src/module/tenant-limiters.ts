import { type MimcError, notSent } from '../errors/mimc-error.js';
import { limitsOf } from '../pacing/quota.js';
import type { MimcAcquireOptions, MimcLane, MimcRateLimiter } from '../pacing/rate-limiter.js';
import { SlidingWindowLimiter } from '../pacing/sliding-window.limiter.js';
import { limiterOf } from '../push/limiter-of.js';
import type { MimcSettings } from '../push/settings.js';

/** A limiter, and who uses it. */
interface Shared {
  readonly limiter: MimcRateLimiter;
  /** MIMC's server and the app on it: MIMC counts a quota for each. */
  readonly app: string;
  /** The quota options, to compare. */
  quota: string;
  /** Buckets of a limiter that this library created; undefined for a custom one, which is closed as soon as no tenant uses it. */
  readonly buckets: readonly string[] | undefined;
  /** Tenants that use it, including closing ones. */
  leases: number;
  /** Tenants that may still begin calls. */
  live: number;
}

/** A tenant's share in a limiter. It is returned by closing `limiter`. */
export interface LimiterLease {
  readonly limiter: MimcRateLimiter;
  /** The tenant begins no more calls, so that another one may use other options for the same app. */
  retire(): void;
}

/**
 * The limiters of all tenants. MIMC counts the quota for an app, so tenants of one app share a limiter, and no others do. A limiter
 * is kept while units are used or a penalty lasts, so that a tenant that comes back does not begin with a fresh quota.
 */
export class TenantLimiters {
  readonly #shared = new Map<string | MimcRateLimiter, Shared>();
  /** Custom limiters that were closed. */
  readonly #closed = new WeakSet<MimcRateLimiter>();

  /**
   * A lease for a tenant with these settings.
   *
   * @throws MimcError `MIMC_CONFIG` when it conflicts with another tenant
   */
  lease(settings: MimcSettings): LimiterLease {
    this.sweep();
    const { origin, basePath, appId, limiter } = settings;
    const app = `${origin}${basePath}/${appId}`;
    const key = limiter ?? app;
    const quota = JSON.stringify(settings.quota);
    if (limiter !== undefined && this.#closed.has(limiter)) {
      throw refused('limiter was closed with the last tenant that used it: create it in resolve, on every call');
    }
    this.#check(key, app, quota);
    const shared = this.#sharedFor(key, settings, { app, quota });
    shared.leases += 1;
    shared.live += 1;
    return leaseOf(shared, () => this.#giveBack(key, shared));
  }

  /** Closes the limiter in options that were not used, unless another tenant uses it: nothing else would close it. */
  discard(options: unknown): void {
    try {
      const limiter: unknown = Reflect.get(Object(options), 'limiter');
      if (!isLimiter(limiter) || this.#shared.has(limiter) || this.#closed.has(limiter)) return;
      this.#closed.add(limiter);
      void limiterOf({ limiter, quota: false }).close();
    } catch {
      // A getter that throws.
    }
  }

  /** Closes limiters that no tenant uses and that have no units in use and no penalty. */
  sweep(): void {
    for (const [key, shared] of this.#shared) {
      if (shared.leases === 0 && isAtRest(shared)) void this.#drop(key, shared);
    }
  }

  /** Closes the remaining limiters once all tenants are closed. */
  close(): void {
    for (const [key, shared] of this.#shared) void this.#drop(key, shared);
  }

  /** A closing tenant conflicts with no other, unless both were given one limiter for different apps. */
  #check(key: string | MimcRateLimiter, app: string, quota: string): void {
    for (const [other, shared] of this.#shared) {
      if (other === key && shared.app !== app && shared.leases > 0) {
        throw refused('limiter is used by a tenant of another app');
      }
      if (shared.app !== app || shared.live === 0) continue;
      if (typeof other !== typeof key) {
        throw refused('limiter must be given to all tenants of an app, or to none: they share its quota');
      }
      if (other === key && shared.quota !== quota) {
        throw refused('quota must be the same for all tenants of an app: they share it');
      }
    }
  }

  /** With another quota the limiter stays the same one, so that units in use and penalties count in the new quota too. */
  #sharedFor(key: string | MimcRateLimiter, settings: MimcSettings, of: Pick<Shared, 'app' | 'quota'>): Shared {
    const before = this.#shared.get(key);
    if (before === undefined || before.quota === of.quota) return before ?? this.#add(key, settings, of);
    const { limiter, quota } = settings;
    if (limiter === undefined) {
      if (quota === false || !(before.limiter instanceof SlidingWindowLimiter)) return this.#replace(key, settings, of);
      before.limiter.resize({ limits: limitsOf(quota), maxQueued: quota.maxQueued });
    }
    before.quota = of.quota;
    return before;
  }

  /** Pacing was switched on or off: the previous limiter is closed with the last tenant that uses it. */
  #replace(key: string | MimcRateLimiter, settings: MimcSettings, of: Pick<Shared, 'app' | 'quota'>): Shared {
    const before = this.#shared.get(key);
    if (before?.leases === 0) void this.#drop(key, before);
    return this.#add(key, settings, of);
  }

  #add(key: string | MimcRateLimiter, settings: MimcSettings, of: Pick<Shared, 'app' | 'quota'>): Shared {
    const { limiter: given, quota } = settings;
    const buckets = given === undefined ? Object.keys(quota === false ? {} : limitsOf(quota)) : undefined;
    const shared = { ...of, limiter: limiterOf(settings), buckets, leases: 0, live: 0 };
    this.#shared.set(key, shared);
    return shared;
  }

  async #giveBack(key: string | MimcRateLimiter, shared: Shared): Promise<void> {
    shared.leases -= 1;
    const isKept = shared.buckets !== undefined && this.#shared.get(key) === shared;
    if (shared.leases === 0 && !isKept) await this.#drop(key, shared);
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

function isLimiter(value: unknown): value is MimcRateLimiter {
  return typeof Reflect.get(Object(value), 'close') === 'function';
}

function leaseOf(shared: Shared, giveBack: () => Promise<void>): LimiterLease {
  const { limiter } = shared;
  let isLive = true;
  let returned: Promise<void> | undefined;
  const retire = () => {
    if (isLive) shared.live -= 1;
    isLive = false;
  };
  const close = () => {
    retire();
    return (returned ??= giveBack());
  };
  return {
    limiter: {
      acquire: (bucket: string, units: number, options: MimcAcquireOptions) => limiter.acquire(bucket, units, options),
      tryAcquire: (bucket: string, units: number, lane: MimcLane) => limiter.tryAcquire?.(bucket, units, lane),
      penalize: (bucket: string, forMs: number) => limiter.penalize(bucket, forMs),
      status: (bucket: string) => limiter.status(bucket),
      close,
    },
    retire,
  };
}
