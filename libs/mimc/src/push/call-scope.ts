import { AbortWatch } from '../pacing/abort-watch.js';
import type { StopReason } from '../transport/mimc-transport.js';

/** The callers' signals; many calls may share one. */
const callerSignals = new AbortWatch();

/** What limits a call. */
export interface CallLimits {
  /** From now, in milliseconds. */
  deadlineMs: number;
  /** Ends the call wherever it is. */
  signal?: AbortSignal;
  /** Ends the call while no request of it is under way. */
  admissionSignal?: AbortSignal;
}

/**
 * The life of one call: it ends at the deadline, when the caller aborts, or when the application closes, whichever is
 * first. Everything the call waits for listens to `signal`, whose reason is a {@link StopReason}.
 */
export class CallScope {
  /** On the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** Whether a request is under way; those may finish when the application closes. */
  inFlight = false;
  /** Whether no attempt may follow the one under way. */
  isLastAttempt = false;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #callerSignals: readonly (readonly [AbortSignal | undefined, () => void])[];

  constructor({ deadlineMs, signal, admissionSignal }: CallLimits) {
    this.deadlineAt = performance.now() + deadlineMs;
    this.#timer = setTimeout(() => this.stop('MIMC_DEADLINE'), deadlineMs);
    this.#callerSignals = [
      [signal, () => this.stop('MIMC_ABORTED')],
      [admissionSignal, () => this.stopUnlessInFlight('MIMC_ABORTED')],
    ];
    for (const [callerSignal, onAbort] of this.#callerSignals) {
      if (callerSignal?.aborted) onAbort();
      else if (callerSignal !== undefined) callerSignals.add(callerSignal, onAbort);
    }
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

  /** Ends a call that waits for quota or for its next attempt, and lets a request under way finish. */
  stopUnlessInFlight(reason: StopReason): void {
    if (!this.inFlight) this.stop(reason);
    else this.isLastAttempt = true;
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

  /** Lets go of the timer and of the caller's signals. */
  end(): void {
    clearTimeout(this.#timer);
    for (const [callerSignal, onAbort] of this.#callerSignals) {
      if (callerSignal !== undefined) callerSignals.remove(callerSignal, onAbort);
    }
  }
}
