/** Far more permits than a quota has under way; what is dropped stays held until its lease ends. */
const MOST = 5_000;

/** Permits in one command, so that none keeps Redis busy for long. */
const SLICE = 500;

/** A permit that Redis is to hear of. */
export interface OwedPermit {
  readonly permit: string;
  /** When its units are free even if Redis never hears, on the clock of `performance.now()`. */
  readonly until: number;
}

/** What could not be told to Redis, to be told once it answers again: bounded in number and in age. */
export class OwedPermits {
  #owed: OwedPermit[] = [];

  /** Of too many, the oldest are dropped. */
  add(permits: readonly OwedPermit[]): void {
    for (const owed of permits) this.#owed.push(owed);
    if (this.#owed.length > MOST) this.#owed.splice(0, this.#owed.length - MOST);
  }

  /** Takes out all, and returns in slices those that still hold units. */
  take(): OwedPermit[][] {
    if (this.#owed.length === 0) return [];
    const now = performance.now();
    const owed = this.#owed.filter(({ until }) => now < until);
    this.#owed = [];
    const slices: OwedPermit[][] = [];
    for (let from = 0; from < owed.length; from += SLICE) slices.push(owed.slice(from, from + SLICE));
    return slices;
  }
}
