import { callerSignals } from '../pacing/abort-watch.js';
import type { AttemptScope, Stoppable, StopReason } from '../transport/mimc-transport.js';

/** What limits a call. */
export interface CallLimits {
  /** From now, in milliseconds; the call takes as long as it takes when there is none. */
  deadlineMs?: number;
  /** Ends the call wherever it is. */
  signal?: AbortSignal;
  /** Ends the call while no request of it is in flight. */
  admissionSignal?: AbortSignal;
}

/**
 * The life of one call: it ends at the deadline, when the caller aborts, or when the application closes, whichever is
 * first. Whatever the call waits for just then is ended with it.
 */
export class CallScope implements AttemptScope {
  /** On the clock of `performance.now()`. */
  readonly deadlineAt: number | undefined;
  /** Why no attempt may follow the one in flight, if none may. */
  lastAttemptAs: StopReason | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #letGo: (() => void)[] | undefined;
  #stopped: StopReason | undefined;
  /** The request in flight, or what the call waits for. */
  #step: Stoppable | undefined;
  #inFlight = false;
  #controller: AbortController | undefined;
  #whenEnded: (() => void) | undefined;

  constructor({ deadlineMs, signal, admissionSignal }: CallLimits) {
    if (signal !== undefined) this.#obey(signal, () => this.stop('MIMC_ABORTED'));
    if (admissionSignal !== undefined) this.#obey(admissionSignal, () => this.stopUnlessInFlight('MIMC_ABORTED'));
    if (deadlineMs === undefined) return;
    this.deadlineAt = performance.now() + deadlineMs;
    this.#timer = setTimeout(stopAtDeadline, deadlineMs, this);
  }

  /** For those who wait in a limiter; its reason is a {@link StopReason}. Made on demand: few calls wait. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#stopped !== undefined) this.#controller.abort(this.#stopped);
    return this.#controller.signal;
  }

  /** Why the call was stopped, if it was. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Whether a request is in flight; those may finish when the application closes. */
  get inFlight(): boolean {
    return this.#inFlight;
  }

  begin(exchange: Stoppable): void {
    this.#inFlight = true;
    this.wait(exchange);
  }

  wait(step: Stoppable): void {
    this.#step = step;
    if (this.#stopped !== undefined) step.stop();
  }

  done(): void {
    this.#inFlight = false;
    this.#step = undefined;
  }

  /** The first reason counts. */
  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#step?.stop();
    this.#controller?.abort(reason);
  }

  /** Ends a call that waits for quota, a connection or its next attempt, and lets a request in flight finish. */
  stopUnlessInFlight(reason: StopReason): void {
    if (!this.inFlight) this.stop(reason);
    else this.lastAttemptAs ??= reason;
  }

  remainingMs(): number {
    return this.deadlineAt === undefined ? Infinity : this.deadlineAt - performance.now();
  }

  /** Waits, but not beyond the end of the call. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = () => {
        clearTimeout(timer);
        this.done();
        resolve();
      };
      const timer = setTimeout(stop, ms);
      this.wait({ stop });
    });
  }

  /** Waits for `step`, which never rejects, but not beyond the end of the call. */
  until(step: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const stop = () => {
        this.done();
        resolve();
      };
      void step.then(stop);
      this.wait({ stop });
    });
  }

  /** Lets go of the timer and of the caller's signals. */
  end(): void {
    clearTimeout(this.#timer);
    this.#letGo?.forEach((letGo) => letGo());
    this.#whenEnded?.();
  }

  /** Resolves at the {@link end}, which must be yet to come. */
  ended(): Promise<void> {
    return new Promise((resolve) => (this.#whenEnded = resolve));
  }

  #obey(signal: AbortSignal, onAbort: () => void): void {
    if (signal.aborted) return onAbort();
    callerSignals.add(signal, onAbort);
    (this.#letGo ??= []).push(() => callerSignals.remove(signal, onAbort));
  }
}

/** Not a closure: every call has this timer. */
function stopAtDeadline(scope: CallScope): void {
  scope.stop('MIMC_DEADLINE');
}
