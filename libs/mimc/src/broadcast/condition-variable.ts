/** A condition variable: {@link notifyAll} wakes all who wait, and each checks its own condition again. */
export class ConditionVariable {
  #waiting: (() => void)[] = [];

  /** Resolves at the next {@link notifyAll}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  notifyAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
