import type { MimcBroadcastSummary } from './broadcast-options.js';

/** Why a broadcast stops before its end. */
export interface Stop {
  readonly stoppedBy: Exclude<MimcBroadcastSummary['stoppedBy'], 'end'>;
  readonly error?: unknown;
}

/** The early end of a broadcast, for which everything that it waits for is left. */
export class Stoppage {
  readonly #admission = new AbortController();
  readonly #leave = new Set<() => void>();
  #reason: Stop | undefined;

  /** Ends calls that were not sent yet. */
  get signal(): AbortSignal {
    return this.#admission.signal;
  }

  get reason(): Stop | undefined {
    return this.#reason;
  }

  /** The first reason counts. */
  stop(reason: Stop): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#admission.abort();
    for (const leave of this.#leave) leave();
  }

  /**
   * What `work` comes to, or undefined as soon as the broadcast is stopped. Not `Promise.race` with one promise for the
   * stop, which would remember every piece of work until then.
   */
  unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const leave = () => resolve(undefined);
      const leaveNoMore = () => this.#leave.delete(leave);
      if (this.#reason !== undefined) leave();
      this.#leave.add(leave);
      work.then(resolve, reject);
      work.then(leaveNoMore, leaveNoMore);
    });
  }
}
