/** A condition variable: {@link open} wakes all who wait, and each checks its own condition again. */
export class Gate {
  #waiting: (() => void)[] = [];

  /** Resolves at the next {@link open}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  open(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
