import { AbortWatch } from '../pacing/abort-watch.js';
import type { StopReason } from '../transport/mimc-transport.js';

/** The callers' signals; many calls may share one. */
const callerSignals = new AbortWatch();

/**
 * The life of one call: it ends at the deadline, when the caller aborts, or when the application closes, whichever is
 * first. Everything the call waits for listens to `signal`, whose reason is a {@link StopReason}.
 */
export class CallScope {
  /** On the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** Whether a request is under way; those may finish when the application closes. */
  inFlight = false;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onAbort = () => this.stop('MIMC_ABORTED');

  constructor(deadlineMs: number, callerSignal?: AbortSignal) {
    this.deadlineAt = performance.now() + deadlineMs;
    this.#timer = setTimeout(() => this.stop('MIMC_DEADLINE'), deadlineMs);
    this.#callerSignal = callerSignal;
    if (callerSignal?.aborted) this.stop('MIMC_ABORTED');
    else if (callerSignal !== undefined) callerSignals.add(callerSignal, this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the call was stopped, if it was. */
  get stopped(): StopReason | undefined {
    return this.signal.aborted ? (this.signal.reason as StopReason) : undefined;
  }

  /** The first reason counts. */
  stop(reason: StopReason): void {
    this.#controller.abort(reason);
  }

  remainingMs(): number {
    return this.deadlineAt - performance.now();
  }

  /** Waits; false when the call was stopped before the end. */
  sleep(ms: number): Promise<boolean> {
    if (this.signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (slept: boolean) => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', onAbort);
        resolve(slept);
      };
      const onAbort = () => finish(false);
      const timer = setTimeout(() => finish(true), ms);
      this.signal.addEventListener('abort', onAbort);
    });
  }

  /** Lets go of the timer and of the caller's signal. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#callerSignal !== undefined) callerSignals.remove(this.#callerSignal, this.#onAbort);
  }
}
