import { MimcEndpoint, MimcError } from '../errors/mimc-error.js';
import type { MimcLane, MimcPermit, MimcRateLimiter } from '../pacing/rate-limiter.js';
import { MimcTransport, stopFailure } from '../transport/mimc-transport.js';
import type { AttemptFailure, AttemptResult, PacketIds } from '../transport/reply.js';
import { CallProgress } from './call-progress.js';
import type { CallScope } from './call-scope.js';
import type { QuotaKind } from './limits.js';
import type { MimcRetryOptions } from './push-options.js';
import type { CallReceipt } from './receipts.js';
import { backoffMs, isRetryable, RetryBudget } from './retry.js';

/** Admission rests this long after a throttling answer that names no time, in milliseconds: one window of the quota. */
const PENALTY_MS = 1_000;

/** A call, checked and ready to go. */
export interface Call {
  callId: string;
  endpoint: MimcEndpoint;
  body: string;
  /** Which quota it draws on. */
  bucket: QuotaKind;
  /** Recipients: what each attempt costs of the quota. */
  units: number;
  lane: MimcLane;
  retry: MimcRetryOptions;
}

/** What a delivered call brought. */
export interface Delivered extends CallReceipt {
  packetIds: PacketIds;
  /** Recipients of the call. */
  requested: number;
}

/** Makes attempts until one succeeds or none may follow: the one place that decides on retries. */
export class DeliveryEngine {
  readonly #transport: MimcTransport;
  readonly #limiter: MimcRateLimiter;
  readonly #budget = new RetryBudget();
  readonly #calls = new Map<CallScope, Promise<unknown>>();
  #closed = false;

  constructor(transport: MimcTransport, limiter: MimcRateLimiter) {
    this.#transport = transport;
    this.#limiter = limiter;
  }

  /**
   * Delivers a call within its scope.
   *
   * @throws MimcError whose outcome is the worst of all attempts
   */
  async deliver(call: Call, scope: CallScope): Promise<Delivered> {
    if (this.#closed) scope.stop('MIMC_CLOSED');
    const delivered = this.#attemptUntilDone(call, scope);
    this.#calls.set(scope, delivered);
    try {
      return await delivered;
    } finally {
      this.#calls.delete(scope);
      scope.end();
    }
  }

  /**
   * Takes no more calls and ends those that wait. Resolves when all are over; those with a request under way have
   * `graceMs` for it.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#stop((scope) => !scope.inFlight);
    const grace = setTimeout(() => this.#stop(() => true), graceMs);
    await Promise.allSettled(this.#calls.values());
    clearTimeout(grace);
  }

  #stop(which: (scope: CallScope) => boolean): void {
    for (const scope of this.#calls.keys()) if (which(scope)) scope.stop('MIMC_CLOSED');
  }

  async #attemptUntilDone(call: Call, scope: CallScope): Promise<Delivered> {
    const progress = new CallProgress(call.callId, call.endpoint);
    for (;;) {
      const permit = await this.#admit(call, scope, progress);
      const result = await this.#attempt(call, scope, progress, permit);
      if (result.ok) {
        this.#budget.earn();
        return { packetIds: result.packetIds, requested: call.units, ...progress.receipt() };
      }
      progress.failed(result.failure);
      await this.#backOff(call, scope, progress, result.failure);
    }
  }

  async #admit(call: Call, scope: CallScope, progress: CallProgress): Promise<MimcPermit> {
    const { signal, deadlineAt } = scope;
    try {
      if (scope.stopped) throw scope.stopped;
      const admission = this.#limiter.acquire(call.bucket, call.units, { lane: call.lane, signal, deadlineAt });
      return await progress.timed('queuedMs', admission);
    } catch (error) {
      progress.failed(scope.stopped ? stopFailure(scope.stopped, 'not-sent') : admissionFailure(error));
      throw progress.error();
    }
  }

  async #attempt(call: Call, scope: CallScope, progress: CallProgress, permit: MimcPermit): Promise<AttemptResult> {
    progress.attempts += 1;
    scope.inFlight = true;
    const attempt = this.#transport.post(call.endpoint, call.body, scope.signal);
    const { result, dispatched } = await progress.timed('networkMs', attempt);
    scope.inFlight = false;
    if (dispatched) permit.settle();
    else permit.cancel();
    if (!result.ok && result.failure.code === 'MIMC_RATE_LIMITED') {
      this.#limiter.penalize(call.bucket, result.failure.retryAfterMs ?? PENALTY_MS);
    }
    return result;
  }

  /** Returns when the next attempt may be made; throws the call's error when there is none. */
  async #backOff(call: Call, scope: CallScope, progress: CallProgress, failure: AttemptFailure): Promise<void> {
    const { retry } = call;
    const over = this.#closed || progress.attempts >= retry.maxAttempts || !isRetryable(failure, retry.delivery);
    const delayMs = backoffMs(progress.attempts, retry, failure.retryAfterMs);
    if (over || delayMs >= scope.remainingMs() || !this.#budget.take()) throw progress.error();
    await progress.timed('backoffMs', scope.sleep(delayMs));
    if (scope.stopped) {
      progress.failed(stopFailure(scope.stopped, 'not-sent'));
      throw progress.error();
    }
  }
}

/** Why a limiter did not admit a call. One that breaks its contract is not told from one that is out of reach. */
function admissionFailure(error: unknown): AttemptFailure {
  if (MimcError.is(error)) return { code: error.code, outcome: 'not-sent', message: error.message };
  const name = error instanceof Error ? error.name : typeof error;
  return { code: 'MIMC_CONNECT', outcome: 'not-sent', message: `The limiter could not be reached (${name})` };
}
