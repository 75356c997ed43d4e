import { checkRetry, MimcRetryOptions } from '../delivery/retry.js';
import type { MimcLane } from '../pacing/rate-limiter.js';
import { check, Checked } from '../validation/check.js';
import type { InPart } from '../validation/check.js';
import { IfSet, IsAbortSignal, IsIn, IsIntFrom, IsObjectOrFalse, MAX_TIMER_MS } from '../validation/rules.js';

/** Options of one push. */
export interface PushOptions {
  /** Aborting ends the call with `MIMC_ABORTED`; the outcome says whether it had been dispatched. */
  signal?: AbortSignal | undefined;
  /**
   * Aborting ends the call as `signal` does, but only while no request of it is in flight: it waits for quota or a
   * connection, or backs off. One that is in flight finishes.
   */
  admissionSignal?: AbortSignal | undefined;
  /** The whole call: waiting, attempts, backoff; in milliseconds. Default: the module's `deadlineMs`. */
  deadlineMs?: number | undefined;
  /** Overrides the module's `retry` in part; `false` is exactly one request. */
  retry?: InPart<MimcRetryOptions> | false | undefined;
  /** The lane in which the call waits for quota and for a connection. Default `interactive`. */
  priority?: MimcLane | undefined;
}

/** The rules of {@link PushOptions}. */
export class PushOptionsRules implements Omit<PushOptions, 'retry'> {
  @IfSet() @IsAbortSignal() signal?: AbortSignal;
  @IfSet() @IsAbortSignal() admissionSignal?: AbortSignal;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) deadlineMs?: number;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsIn(['interactive', 'bulk']) priority?: MimcLane;
}

/** The options of a push and what is wrong with them; each field is named as `options.…`. */
export function checkPushOptions(options: unknown): Checked<PushOptions> {
  const { value, violations } = check(PushOptionsRules, options, 'options');
  const retry = checkRetry(value?.retry, 'options.retry');
  const { signal, admissionSignal, deadlineMs, priority } = value ?? {};
  return {
    value: { signal, admissionSignal, deadlineMs, priority, retry: retry.value },
    violations: [...violations, ...retry.violations],
  };
}
