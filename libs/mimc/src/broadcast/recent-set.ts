/** Remembers the last `size` different values that were added: those that were seen least recently are forgotten first. */
export class RecentSet<T> {
  readonly #values = new Set<T>();
  /**
   * The values from the least recent on. A Set iterates in the order of insertion, and this iterator never starts again: a
   * new one for each value would pass over all that were deleted before.
   */
  readonly #oldest = this.#values.values();

  constructor(private readonly size: number) {}

  /** Adds a value; false when it was there. */
  add(value: T): boolean {
    const isNew = !this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size > this.size) this.#forgetOldest();
    return isNew;
  }

  #forgetOldest(): void {
    const oldest = this.#oldest.next();
    if (!oldest.done) this.#values.delete(oldest.value);
  }
}
