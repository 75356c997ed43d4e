/** A condition variable: {@link notifyAll} wakes all who wait, and each checks its own condition again. */
export class ConditionVariable {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next {@link notifyAll}, or when the signal aborts. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  notifyAll(): void {
    for (const wake of this.#waiting) wake();
  }
}
