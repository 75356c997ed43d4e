import { notSent } from '../internals.js';

/**
 * Remembers which callbacks were handled, by {@link MimcCallbackBase.id}, so that MIMC's repeats are harmless. The default
 * works within one process; with several, pass one that they share. If it throws or hangs, the response is 503, and MIMC
 * repeats the callback.
 */
export interface MimcCallbackStore {
  /**
   * Leases a callback to `owner`, in one atomic step.
   *
   * @param leaseMs after how many milliseconds the lease expires, so that another process can take the callback if this one dies
   * @param owner unique text for each call of `take`
   * @returns `taken`, also when `owner` holds the lease already; `busy` while somebody else handles it; `done` once it was handled
   */
  take(id: string, leaseMs: number, owner: string): MimcCallbackClaim | Promise<MimcCallbackClaim>;
  /** The handlers succeeded: remembers the callback for `rememberMs` milliseconds, regardless of who holds the lease. */
  done(id: string, rememberMs: number): void | Promise<void>;
  /** A handler failed or hangs: ends the lease in one atomic step if `owner` still holds it, so that a repeat is handled. */
  release(id: string, owner: string): void | Promise<void>;
}

/** What {@link MimcCallbackStore.take} returns. */
export type MimcCallbackClaim = 'taken' | 'busy' | 'done';

/** Options of {@link MemoryCallbackStore}. */
export interface MemoryCallbackStoreOptions {
  /** How many callbacks are remembered; the oldest are forgotten first. Default 100,000, which takes about 15 MB. */
  maxEntries?: number | undefined;
}

interface Entry {
  /** Undefined once it was handled. */
  readonly owner: string | undefined;
  /** Until when it is kept, on the clock of `performance.now()`. */
  readonly until: number;
}

/** Remembers callbacks in this process: the default. */
export class MemoryCallbackStore implements MimcCallbackStore {
  /** In the order in which they were taken or done. */
  readonly #entries = new Map<string, Entry>();
  readonly #maxEntries: number;

  /** @throws MimcError `MIMC_CONFIG` when `maxEntries` is not a positive integer */
  constructor({ maxEntries = 100_000 }: MemoryCallbackStoreOptions = {}) {
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
      throw notSent('MIMC_CONFIG', 'MemoryCallbackStore options: maxEntries must be a positive integer');
    }
    this.#maxEntries = maxEntries;
  }

  take(id: string, leaseMs: number, owner: string): MimcCallbackClaim {
    const known = this.#entries.get(id);
    const isKnown = known !== undefined && known.until > performance.now();
    if (isKnown && known.owner !== owner) return known.owner === undefined ? 'done' : 'busy';
    this.#put(id, owner, leaseMs);
    return 'taken';
  }

  done(id: string, rememberMs: number): void {
    this.#put(id, undefined, rememberMs);
  }

  release(id: string, owner: string): void {
    if (this.#entries.get(id)?.owner === owner) this.#entries.delete(id);
  }

  #put(id: string, owner: string | undefined, forMs: number): void {
    const now = performance.now();
    this.#entries.delete(id);
    this.#entries.set(id, { owner, until: now + forMs });
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
  }
}
