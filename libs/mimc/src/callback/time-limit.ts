import { clearTimeout, setTimeout } from 'node:timers';

/** A time that begins now. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    // It must not hold the process back: while somebody waits for it, a connection is open.
    this.#timer = setTimeout(() => this.#controller.abort(), ms).unref();
  }

  /** Aborts when the time is up. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends it early. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** What `work` brings, which may never settle; rejects with what `late` returns when `signal` aborts first. */
export async function until<T>(work: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => (stop = () => reject(late())));
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
