import { IsIn, IsInt, Max, Min, ValidateBy } from 'class-validator';
import type { MimcLane } from '../pacing/rate-limiter.js';
import { InPart, isRecord } from './options-object.js';
import { inPlainWords } from './plainly-valid.js';
import { check, Checked, checkNested, IfSet } from './validation.js';

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
  signal?: AbortSignal | undefined;
  /**
   * Aborting ends the call as `signal` does, but only while no request of it is under way: it waits for quota or a
   * connection, or backs off. One that is under way finishes.
   */
  admissionSignal?: AbortSignal | undefined;
  /** The whole call: waiting, attempts, backoff; in milliseconds. Default: the module's `deadlineMs`. */
  deadlineMs?: number | undefined;
  /** Overrides the module's `retry` in part; `false` is exactly one request. */
  retry?: InPart<MimcRetryOptions> | false | undefined;
  /** The lane in which the call waits for quota and for a connection. Default `interactive`. */
  priority?: MimcLane | undefined;
}

/** The rules of {@link MimcRetryOptions}. */
export class RetryRules implements Partial<MimcRetryOptions> {
  @IfSet() @Max(100) @Min(1) @IsInt() maxAttempts?: number;
  @IfSet() @Max(MAX_TIMER_MS) @Min(0) @IsInt() baseDelayMs?: number;
  @IfSet() @Max(MAX_TIMER_MS) @Min(0) @IsInt() maxDelayMs?: number;
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: MimcDelivery;
}

/** The rules of {@link PushOptions}. */
export class PushOptionsRules implements Omit<PushOptions, 'retry'> {
  @IfSet() @IsAbortSignal() signal?: AbortSignal;
  @IfSet() @IsAbortSignal() admissionSignal?: AbortSignal;
  @IfSet() @Max(MAX_TIMER_MS) @Min(1) @IsInt() deadlineMs?: number;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsIn(['interactive', 'bulk']) priority?: MimcLane;
}

const isSignalIfSet = (value: unknown) => value === undefined || value instanceof AbortSignal;
const isIntIfSet = (min: number, max: number) => (value: unknown) =>
  value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max);

inPlainWords(RetryRules, {
  maxAttempts: isIntIfSet(1, 100),
  baseDelayMs: isIntIfSet(0, MAX_TIMER_MS),
  maxDelayMs: isIntIfSet(0, MAX_TIMER_MS),
  delivery: (value) => value === undefined || value === 'at-most-once' || value === 'at-least-once',
});

inPlainWords(PushOptionsRules, {
  signal: isSignalIfSet,
  admissionSignal: isSignalIfSet,
  deadlineMs: isIntIfSet(1, MAX_TIMER_MS),
  retry: (value) => value === undefined || value === false || isRecord(value),
  priority: (value) => value === undefined || value === 'interactive' || value === 'bulk',
});

/** The options of a push and what is wrong with them; each field is named as `options.…`. */
export function checkPushOptions(options: unknown): Checked<PushOptions> {
  if (options === undefined) return { value: undefined, violations: [] };
  const { value, violations } = check(PushOptionsRules, options, 'options');
  const retry = checkRetry(value?.retry, 'options.retry');
  const { signal, admissionSignal, deadlineMs, priority } = value ?? {};
  return {
    value: { signal, admissionSignal, deadlineMs, priority, retry: retry.value },
    violations: [...violations, ...retry.violations],
  };
}

/** Retry options and what is wrong with them. What is not an object is for the rules of the options to refuse. */
export function checkRetry(retry: unknown, name: string): Checked<InPart<MimcRetryOptions> | false> {
  return retry === false ? { value: false, violations: [] } : checkNested(RetryRules, retry, name);
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

/** An object whose fields have rules of their own. */
export function IsPlainObject(): PropertyDecorator {
  const defaultMessage = () => '$property must be a plain object';
  return ValidateBy({ name: 'isObject', validator: { validate: isRecord, defaultMessage } });
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
