interface Waiting {
  /** When it would have begun if all flows were served at once, each at its rate. */
  readonly tag: number;
  readonly grant: () => void;
}

/**
 * Shares a number of turns among flows by their weights, whatever each has waiting (start-time fair queueing: P. Goyal,
 * H. Vin, H. Cheng, SIGCOMM 1996). A flow that comes late starts level with the others: it neither waits for what they were
 * served before nor catches up on it.
 */
export class FairTurns {
  readonly #waiting: Waiting[] = [];
  /** The tag at which the next piece of work of a flow begins. */
  readonly #next = new Map<string, number>();
  #free: number;
  #now = 0;

  constructor(turns: number) {
    this.#free = turns;
  }

  /**
   * Waits for a turn; what is returned gives it back.
   *
   * @param cost of the work, in any unit that all flows share
   * @returns undefined when the signal is aborted first
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
        resolve(this.#turn());
      };
      const waiting = { tag, grant };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#serve();
    });
  }

  /** Forgets a flow that has ended. */
  end(flow: string): void {
    this.#next.delete(flow);
  }

  #turn(): () => void {
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.#free += 1;
      this.#serve();
    };
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
