/**
 * The lane a call waits in. When both lanes wait, `interactive` goes first, but `bulk` is granted at least 10 % of the
 * units over any 10 s.
 */
export type MimcLane = 'interactive' | 'bulk';

/** How a call asks for its units. */
export interface MimcAcquireOptions {
  lane: MimcLane;
  /** Aborting rejects a waiting call with `signal.reason`; an admitted one is not affected. */
  signal?: AbortSignal | undefined;
  /** When the wait must be over, in milliseconds on the clock of `performance.now()`. */
  deadlineAt?: number | undefined;
  /**
   * The call may wait however many do, and does not count among them: its caller bounds how many it makes at a time, as a
   * broadcast does by `concurrency`. Such a call is never refused with `MIMC_QUEUE_FULL`.
   */
  ignoresMaxQueued?: boolean | undefined;
}

/** What a bucket looks like now. */
export interface MimcLimiterStatus {
  /** Calls waiting, both lanes together. */
  queued: number;
  /** Units held by permits: dispatched and not yet one second past their answer. */
  usedUnits: number;
  /** Milliseconds until a penalty ends; 0 when there is none. */
  resumesInMs: number;
}

/**
 * The right to send one request that costs some units. Hold it while the request is in flight, then call exactly one
 * of its two methods; further calls do nothing.
 */
export interface MimcPermit {
  /** The request was answered or failed after dispatch: its units are free one second from now. */
  settle(): void;
  /** The request was never dispatched: its units are free now. */
  cancel(): void;
}

/**
 * Paces calls so that no one-second window at the server holds more units than the quota (docs/mimc-api.md §1.4: a unit is
 * one recipient of one message).
 */
export interface MimcRateLimiter {
  /**
   * Waits for `units` of `bucket`.
   *
   * @throws MimcError with outcome `not-sent`: `MIMC_QUEUE_FULL` when too many calls wait in this lane already;
   * `MIMC_DEADLINE` at once when the call cannot be admitted before its deadline and otherwise when that passes;
   * `MIMC_CLOSED` when the limiter is closed; or `signal.reason` when aborted.
   */
  acquire(bucket: string, units: number, options: MimcAcquireOptions): Promise<MimcPermit>;
  /**
   * A permit when the call need not wait; undefined, and nothing is held, when it must or {@link acquire} would reject. It
   * spares most calls a promise and a signal. Not asked of a limiter that is given.
   *
   * @internal
   */
  tryAcquire?(bucket: string, units: number, lane: MimcLane): MimcPermit | undefined;
  /** Admits nothing to `bucket` for `forMs` milliseconds; the later end of two penalties wins. */
  penalize(bucket: string, forMs: number): void;
  status(bucket: string): MimcLimiterStatus;
  /** Refuses those who wait and those who come, with `MIMC_CLOSED`. Harmless when called twice. */
  close(): void | Promise<void>;
}
