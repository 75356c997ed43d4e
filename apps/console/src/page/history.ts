import { randomBytes } from 'node:crypto';

/** What a reader has not seen yet. */
export interface News<T> {
  /** To pass to {@link History.since} the next time. */
  id: string;
  entries: T[];
  /** How many were dropped before they could be read. */
  missed: number;
  /** Whether the id belonged to another history, for example of an earlier run of the server. */
  isNew: boolean;
}

/** The latest entries of a sequence, numbered in their order. */
export class History<T> {
  /** Distinguishes this history from any other. */
  readonly #name = randomBytes(6).toString('hex');
  #entries: T[] = [];
  #count = 0;

  /** @param max how many entries are kept; the oldest are dropped first */
  constructor(private readonly max: number) {}

  add(entry: T): void {
    this.#count++;
    this.#entries.push(entry);
    if (this.#entries.length > this.max) this.#entries.shift();
  }

  /** What came after the id of earlier news, or everything that is kept. */
  since(id: string | undefined): News<T> {
    const seen = this.#seen(id);
    const fresh = this.#count - (seen ?? 0);
    const entries = fresh === 0 ? [] : this.#entries.slice(-fresh);
    return {
      id: `${this.#name}.${this.#count}`,
      entries,
      missed: fresh - entries.length,
      isNew: seen === undefined,
    };
  }

  /** How many entries an id stands for; undefined when it belongs to another history. */
  #seen(id: string | undefined): number | undefined {
    const [name, count = ''] = id?.split('.') ?? [];
    const isOurs = name === this.#name && /^\d{1,15}$/.test(count) && Number(count) <= this.#count;
    return isOurs ? Number(count) : undefined;
  }
}
