import type { AttemptFailure } from '../transport/reply.js';
import { Checked, checkNested, withDefaults } from '../validation/check.js';
import type { InPart } from '../validation/check.js';
import { IfSet, IsIn, IsIntFrom, MAX_TIMER_MS } from '../validation/rules.js';

/**
 * What may be retried. `at-most-once`: only what provably was not sent, and throttling. `at-least-once`: also what may
 * have been sent, so that a message can arrive twice; MIMC has no idempotency key (docs/mimc-api.md §10, row 7).
 */
export type MimcDelivery = 'at-most-once' | 'at-least-once';

/** How failed attempts are repeated: exponential backoff with full jitter. */
export interface MimcRetryOptions {
  /**
   * Requests per call, the first one included. Default 3. Those that are made again with changed credentials do not count,
   * except with `retry: false`, which is exactly one request.
   */
  maxAttempts: number;
  /** Upper end of the first backoff, in milliseconds; it doubles with each. Default 200. */
  baseDelayMs: number;
  /** Upper end of every backoff, in milliseconds. Default 5,000. */
  maxDelayMs: number;
  /** Default `at-most-once`. */
  delivery: MimcDelivery;
}

/** How a call is repeated. */
export interface RetryPolicy extends MimcRetryOptions {
  /** `retry: false`: exactly one request, even when it was refused for credentials that have changed meanwhile. */
  isSingle?: boolean;
}

/** The rules of {@link MimcRetryOptions}. */
export class RetryRules implements Partial<MimcRetryOptions> {
  @IfSet() @IsIntFrom(1, 100) maxAttempts?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) baseDelayMs?: number;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) maxDelayMs?: number;
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: MimcDelivery;
}

/** Retry options and what is wrong with them. What is not an object is for the rules of the options to refuse. */
export function checkRetry(retry: unknown, name: string): Checked<InPart<MimcRetryOptions> | false> {
  return retry === false ? { value: false, violations: [] } : checkNested(RetryRules, retry, name);
}

/** How a call is repeated: as the module says, unless its own options say otherwise. */
export function retryOf(module: RetryPolicy, given: InPart<MimcRetryOptions> | false | undefined): RetryPolicy {
  if (given === false) return { ...module, maxAttempts: 1, isSingle: true };
  return given === undefined ? module : { ...withDefaults(module, given), isSingle: false };
}

/** Whether repeating a failed attempt is safe enough for the delivery that was asked for. */
export function isRetryable({ code, outcome }: AttemptFailure, delivery: MimcDelivery): boolean {
  if (code === 'MIMC_CONNECT') return outcome === 'not-sent';
  if (code === 'MIMC_RATE_LIMITED' && outcome === 'refused') return true;
  return delivery === 'at-least-once' && outcome === 'unknown';
}

/**
 * How long to wait before the next attempt, in milliseconds: exponential backoff with full jitter (M. Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), or what the server asked for if that is longer.
 */
export function backoffMs(attempts: number, { baseDelayMs, maxDelayMs }: MimcRetryOptions, retryAfterMs = 0): number {
  const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** (attempts - 1));
  return Math.max(Math.random() * ceiling, retryAfterMs);
}

/** In fifths of a retry, so that the sums stay exact. */
const BUDGET = 50;
const PER_SUCCESS = 1;
const PER_RETRY = 5;

/** Holds 10 retries at most and earns a fifth of one with each success, so that an outage does not multiply traffic. */
export class RetryBudget {
  #left = BUDGET;

  /** Takes one retry; false when none is left. */
  take(): boolean {
    if (this.#left < PER_RETRY) return false;
    this.#left -= PER_RETRY;
    return true;
  }

  /** A call succeeded. */
  earn(): void {
    this.#left = Math.min(BUDGET, this.#left + PER_SUCCESS);
  }
}
