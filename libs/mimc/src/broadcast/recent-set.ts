/** Remembers the last `size` different values that were added: those that were seen least recently go first. */
export class RecentSet<T> {
  readonly #values = new Set<T>();

  constructor(private readonly size: number) {}

  /** Adds a value; false when it was there. */
  add(value: T): boolean {
    const isNew = !this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size > this.size) this.#forgetOldest();
    return isNew;
  }

  #forgetOldest(): void {
    // A Set iterates in the order of insertion.
    const [oldest] = this.#values;
    if (oldest !== undefined) this.#values.delete(oldest);
  }
}
