/** Lets those who wait go on whenever something has changed; each then looks for itself whether it matters. */
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
