interface Waiting {
  /** Virtual start time: when it would begin if all flows were served at once, each at its rate. */
  readonly tag: number;
  readonly grant: () => void;
}

/**
 * Shares a number of turns among flows by weight, however much each has waiting (start-time fair queueing: P. Goyal,
 * H. Vin, H. Cheng, SIGCOMM 1996). A flow that arrives late starts level with the others: it neither waits for what they
 * received earlier nor catches up on it.
 */
export class FairTurns {
  readonly #waiting: Waiting[] = [];
  /** The tag of the next piece of work of each flow. */
  readonly #next = new Map<string, number>();
  #free: number;
  #now = 0;

  constructor(turns: number) {
    this.#free = turns;
  }

  /**
   * Waits for a turn. The returned function gives it back; call it once.
   *
   * @param cost of the work, in the same unit for all flows
   * @returns undefined if the signal aborts first
   */
  take(flow: string, weight: number, cost: number, signal: AbortSignal): Promise<(() => void) | undefined> {
    const tag = Math.max(this.#now, this.#next.get(flow) ?? 0);
    this.#next.set(flow, tag + cost / weight);
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(undefined);
      };
      const grant = () => {
        signal.removeEventListener('abort', leave);
        resolve(() => {
          this.#free += 1;
          this.#serve();
        });
      };
      const waiting = { tag, grant };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#serve();
    });
  }

  /** Forgets a flow. */
  end(flow: string): void {
    this.#next.delete(flow);
  }

  #serve(): void {
    while (this.#free > 0 && this.#waiting.length > 0) {
      const first = this.#waiting.reduce((best, one) => (one.tag < best.tag ? one : best));
      this.#waiting.splice(this.#waiting.indexOf(first), 1);
      this.#free -= 1;
      this.#now = first.tag;
      first.grant();
    }
  }
}
