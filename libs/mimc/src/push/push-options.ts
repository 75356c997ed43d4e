import { IsIn, IsInt, Max, Min, ValidateBy } from 'class-validator';
import type { MimcViolation } from '../errors/mimc-error.js';
import type { MimcLane } from '../pacing/rate-limiter.js';
import { check, IfSet, isRecord } from './validation.js';

/** The longest that a Node.js timer can wait, in milliseconds. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * What may be retried. `at-most-once`: only what provably was not sent, and throttling. `at-least-once`: also what may
 * have been sent, so that a message can arrive twice; MIMC has no idempotency key (mimc-api.md §10, row 7).
 */
export type MimcDelivery = 'at-most-once' | 'at-least-once';

/** How failed attempts are repeated: exponential backoff with full jitter. */
export interface MimcRetryOptions {
  /** Requests per call, the first one included. Default 3. */
  maxAttempts: number;
  /** Upper end of the first backoff, in milliseconds; it doubles with each. Default 200. */
  baseDelayMs: number;
  /** Upper end of every backoff, in milliseconds. Default 5,000. */
  maxDelayMs: number;
  /** Default `at-most-once`. */
  delivery: MimcDelivery;
}

/** Options of one push. */
export interface PushOptions {
  /** Aborting ends the call with `MIMC_ABORTED`; the outcome says whether it had been dispatched. */
  signal?: AbortSignal;
  /**
   * Aborting ends the call as `signal` does, but only while no request of it is under way: it waits for quota or backs
   * off. One that is under way finishes.
   */
  admissionSignal?: AbortSignal;
  /** The whole call: waiting, attempts, backoff; in milliseconds. Default: the module's `deadlineMs`. */
  deadlineMs?: number;
  /** Overrides the module's `retry` in part; `false` is exactly one request. */
  retry?: Partial<MimcRetryOptions> | false;
  /** The lane in which the call waits for quota. Default `interactive`. */
  priority?: MimcLane;
}

/** The rules of {@link MimcRetryOptions}. */
export class RetryRules implements Partial<MimcRetryOptions> {
  @IfSet() @Max(100) @Min(1) @IsInt() maxAttempts?: number;
  @IfSet() @Max(MAX_TIMER_MS) @Min(0) @IsInt() baseDelayMs?: number;
  @IfSet() @Max(MAX_TIMER_MS) @Min(0) @IsInt() maxDelayMs?: number;
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: MimcDelivery;
}

class PushOptionsRules implements Omit<PushOptions, 'retry'> {
  @IfSet() @IsAbortSignal() signal?: AbortSignal;
  @IfSet() @IsAbortSignal() admissionSignal?: AbortSignal;
  @IfSet() @Max(MAX_TIMER_MS) @Min(1) @IsInt() deadlineMs?: number;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsIn(['interactive', 'bulk']) priority?: MimcLane;
}

/** What is wrong with the options of a push; each field is named as `options.…`. */
export function violationsOfPushOptions(options: unknown): MimcViolation[] {
  const { value, violations } = check(PushOptionsRules, options, 'options');
  const retry = isRecord(value?.retry) ? check(RetryRules, value.retry, 'options.retry').violations : [];
  return [...violations, ...retry];
}

/** `false`, or an object whose fields have rules of their own. */
export function IsObjectOrFalse(): PropertyDecorator {
  return ValidateBy({
    name: 'isObjectOrFalse',
    validator: {
      validate: (value) => value === false || isRecord(value),
      defaultMessage: () => '$property must be an object or false',
    },
  });
}

/** A signal that can abort something. */
export function IsAbortSignal(): PropertyDecorator {
  return ValidateBy({
    name: 'isAbortSignal',
    validator: {
      validate: (value) => value instanceof AbortSignal,
      defaultMessage: () => '$property must be an AbortSignal',
    },
  });
}
