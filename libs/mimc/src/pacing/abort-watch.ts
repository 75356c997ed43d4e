interface Watch {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/**
 * Calls back when signals abort, with one listener per signal however many callbacks share it. A signal shared by a
 * thousand waiting calls would otherwise walk its listeners on every call (Node looks for duplicates one by one) and,
 * on Node 20, warn of a leak from the eleventh on.
 */
export class AbortWatch {
  readonly #watches = new Map<AbortSignal, Watch>();

  /** Calls `callback` once when `signal` aborts, unless removed before. The signal must not be aborted yet. */
  add(signal: AbortSignal, callback: () => void): void {
    const watch = this.#watches.get(signal);
    if (watch !== undefined) {
      watch.callbacks.add(callback);
      return;
    }
    const callbacks = new Set([callback]);
    const listener = () => {
      // A callback may remove others; a Set skips those removed before their turn.
      for (const run of callbacks) run();
      this.#watches.delete(signal);
    };
    this.#watches.set(signal, { callbacks, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  remove(signal: AbortSignal, callback: () => void): void {
    const watch = this.#watches.get(signal);
    if (watch === undefined || !watch.callbacks.delete(callback) || watch.callbacks.size > 0) return;
    this.#watches.delete(signal);
    signal.removeEventListener('abort', watch.listener);
  }
}

/** The signals of callers, of all modules of the process: many calls and broadcasts may share one. */
export const callerSignals = new AbortWatch();
