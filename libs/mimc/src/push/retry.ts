import type { AttemptFailure } from '../transport/reply.js';
import type { MimcDelivery, MimcRetryOptions } from './push-options.js';

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
