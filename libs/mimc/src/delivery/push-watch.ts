import { Logger } from '@nestjs/common';
import type { MimcErrorCode } from '../errors/mimc-error.js';
import { visible } from '../errors/visible.js';
import type { AttemptFailure, AttemptResult } from '../transport/reply.js';
import { failureEvent, MimcFailureEvent } from './diagnostics.js';
import type { MimcQuotaBucket } from '../pacing/quota.js';

/** How the latest attempts of a module went. */
export interface MimcRecentAttempts {
  /** When an attempt succeeded last, in milliseconds since the epoch. */
  lastSuccessAt?: number;
  /** When an attempt failed last, in milliseconds since the epoch. */
  lastFailureAt?: number;
  /** How long ago that is, in milliseconds, by a monotonic clock. */
  lastFailureAgeMs?: number;
  /** How it failed. */
  lastFailure?: MimcFailureEvent;
  /**
   * Attempts that failed in a row. A push that MIMC refuses or throttles ends the row, as MIMC answers; one that the caller
   * or the application ended says nothing of MIMC and is not counted at all.
   */
  consecutiveFailures: number;
}

/** MIMC answered, and judged the push or the rate. */
function isAnswer({ code, outcome }: AttemptFailure): boolean {
  return outcome === 'refused' && (code === 'MIMC_API' || code === 'MIMC_RATE_LIMITED');
}

/** This side ended the attempt. */
const OURS: ReadonlySet<MimcErrorCode> = new Set<MimcErrorCode>(['MIMC_ABORTED', 'MIMC_DEADLINE', 'MIMC_CLOSED']);

/** Remembers how attempts end, and logs one line per incident that needs an operator. */
export class PushWatch {
  readonly #logger = new Logger('MimcModule');
  readonly #app: string;
  readonly #recent: MimcRecentAttempts = { consecutiveFailures: 0 };
  /** When an attempt failed last, on the clock of `performance.now()`. */
  #failedAt = -Infinity;
  /** When an incident of refused credentials began that is not over, on the same clock. */
  #refusedAt: number | undefined;

  constructor(name: string | undefined) {
    // The name of a tenant may come from a request.
    this.#app = name === undefined ? '' : ` (${visible(name)})`;
  }

  get recent(): MimcRecentAttempts {
    const { lastFailure } = this.#recent;
    if (lastFailure === undefined) return { ...this.#recent };
    const lastFailureAgeMs = Math.max(0, performance.now() - this.#failedAt);
    return { ...this.#recent, lastFailure: { ...lastFailure }, lastFailureAgeMs };
  }

  /**
   * @param isPush other calls go to other servers of MIMC, so they say nothing about pushes
   * @param begin when the attempt began, on the clock of `performance.now()`
   */
  attempted(result: AttemptResult, isPush: boolean, begin: number): void {
    // An attempt that was in flight already does not show that the credentials are accepted again.
    if (result.ok && this.#refusedAt !== undefined && begin > this.#refusedAt) this.#refusedAt = undefined;
    if (isPush) this.#remember(result);
  }

  #remember(result: AttemptResult): void {
    if (result.ok) {
      this.#recent.lastSuccessAt = Date.now();
      this.#recent.consecutiveFailures = 0;
      return;
    }
    const { failure } = result;
    if (OURS.has(failure.code)) return;
    this.#recent.lastFailureAt = Date.now();
    this.#failedAt = performance.now();
    this.#recent.lastFailure = failureEvent(failure);
    this.#recent.consecutiveFailures = isAnswer(failure) ? 0 : this.#recent.consecutiveFailures + 1;
  }

  /** MIMC throttles, and did not a moment ago. */
  penaltyStarted(bucket: MimcQuotaBucket, forMs: number): void {
    const recipients = bucket === 'unlimitedTopics' ? 'unlimited topics' : bucket;
    this.#logger.warn(`MIMC is throttling pushes to ${recipients}${this.#app}; pausing for ${Math.ceil(forMs)} ms`);
  }

  closing(inFlight: number, waiting: number): void {
    this.#logger.log(
      `Shutting down${this.#app}: waiting for ${calls(inFlight)} in flight, rejected ${calls(waiting)} in the queue`,
    );
  }

  /**
   * MIMC refuses the credentials in use. Logged once until an attempt succeeds again, as every call fails by them.
   *
   * @param more what is known about replacing them
   */
  credentialsRefused(more = ''): void {
    if (this.#refusedAt === undefined) this.#logger.error(`MIMC refuses the credentials${this.#app}${more}`);
    this.#refusedAt ??= performance.now();
  }

  /** MIMC refused the credentials, and now others are in use. */
  credentialsChanged(): void {
    this.#refusedAt = undefined;
    this.#logger.warn(`MIMC refused the credentials${this.#app}: new ones are in use`);
  }
}

function calls(count: number): string {
  return count === 1 ? '1 call' : `${count} calls`;
}
