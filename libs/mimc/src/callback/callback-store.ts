/**
 * Remembers which callbacks were handled, by {@link MimcCallbackBase.id}, so that MIMC's repeats are harmless. The default
 * does so in this process; with several, give one that they share. What it throws or leaves unanswered is answered 503, and
 * MIMC repeats the callback.
 */
export interface MimcCallbackStore {
  /**
   * Takes a callback for this process, in one atomic step.
   *
   * @param leaseMs for how long, in milliseconds: should the process die meanwhile, another one may take it
   * @returns `taken`; or why not: `busy` as somebody handles it, `done` as it was handled
   */
  take(id: string, leaseMs: number): MimcCallbackClaim | Promise<MimcCallbackClaim>;
  /** The handlers succeeded: remembers it for `rememberMs` milliseconds. */
  done(id: string, rememberMs: number): void | Promise<void>;
  /** A handler failed: the repeat is to be handled again. */
  release(id: string): void | Promise<void>;
}

/** The answer of {@link MimcCallbackStore.take}. */
export type MimcCallbackClaim = 'taken' | 'busy' | 'done';

/** Options of {@link MemoryCallbackStore}. */
export interface MemoryCallbackStoreOptions {
  /** The most callbacks that are remembered, the oldest being forgotten first. Default 100,000, which takes about 15 MB. */
  maxEntries?: number | undefined;
}

/** Remembers callbacks in this process: the default. */
export class MemoryCallbackStore implements MimcCallbackStore {
  /** Until when each is remembered; in the order in which they were taken or done. */
  readonly #entries = new Map<string, { state: 'busy' | 'done'; until: number }>();
  readonly #maxEntries: number;

  constructor({ maxEntries = 100_000 }: MemoryCallbackStoreOptions = {}) {
    this.#maxEntries = maxEntries;
  }

  take(id: string, leaseMs: number): MimcCallbackClaim {
    const known = this.#entries.get(id);
    if (known !== undefined && known.until > performance.now()) return known.state;
    this.#put(id, 'busy', leaseMs);
    return 'taken';
  }

  done(id: string, rememberMs: number): void {
    this.#put(id, 'done', rememberMs);
  }

  release(id: string): void {
    this.#entries.delete(id);
  }

  #put(id: string, state: 'busy' | 'done', forMs: number): void {
    const now = performance.now();
    this.#entries.delete(id);
    this.#entries.set(id, { state, until: now + forMs });
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
  }
}
