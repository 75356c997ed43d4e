import type { MimcPermit } from './rate-limiter.js';

/** How long units stay held after the answer, in milliseconds: the window of the quota (mimc-api.md §1.4). */
export const WINDOW_MS = 1_000;

/**
 * The units of one bucket that permits hold: from admission until one second after the answer.
 *
 * A request arrives somewhere between its dispatch and its answer. Two requests whose units were not held together are
 * thus at least a second apart at the server, so that no second there sees more units than `limit`.
 */
export class QuotaWindow {
  #used = 0;
  /** Settled permits in the order they settled, which is the order they expire: a queue linked through `next`. */
  #oldest: Hold | undefined;
  #newest: Hold | undefined;

  /**
   * @param limit units that may be held together
   * @param onChange called when a permit was settled or cancelled
   */
  constructor(
    readonly limit: number,
    private readonly onChange: () => void,
  ) {}

  get used(): number {
    return this.#used;
  }

  /** When the next units come free, on the clock of `performance.now()`; `Infinity` while no permit is settled. */
  get nextReleaseAt(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.freeAt;
  }

  fits(units: number): boolean {
    return this.#used + units <= this.limit;
  }

  hold(units: number): MimcPermit {
    this.#used += units;
    return new Hold(units, this);
  }

  /** Frees what expired by `now`. Nothing expires by itself, so no timer is needed while nobody waits. */
  reclaim(now: number): void {
    let hold = this.#oldest;
    while (hold !== undefined && hold.freeAt <= now) {
      const { next } = hold;
      // Unlinked, so that a permit somebody keeps does not keep all later ones.
      hold.next = undefined;
      this.#used -= hold.units;
      hold = next;
    }
    this.#oldest = hold;
    if (hold === undefined) this.#newest = undefined;
  }

  /** @internal */
  expire(hold: Hold): void {
    hold.freeAt = performance.now() + WINDOW_MS;
    if (this.#newest === undefined) this.#oldest = hold;
    else this.#newest.next = hold;
    this.#newest = hold;
    this.onChange();
  }

  /** @internal */
  free(hold: Hold): void {
    this.#used -= hold.units;
    this.onChange();
  }
}

class Hold implements MimcPermit {
  freeAt = Infinity;
  next: Hold | undefined = undefined;
  #window: QuotaWindow | undefined;

  constructor(
    readonly units: number,
    window: QuotaWindow,
  ) {
    this.#window = window;
  }

  settle(): void {
    this.#take()?.expire(this);
  }

  cancel(): void {
    this.#take()?.free(this);
  }

  /** The window, once: whatever is called after the first `settle` or `cancel` finds none. */
  #take(): QuotaWindow | undefined {
    const window = this.#window;
    this.#window = undefined;
    return window;
  }
}
