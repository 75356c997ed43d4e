import { clearTimeout, setTimeout } from 'node:timers';
import { MimcEndpoint, MimcError } from '../errors/mimc-error.js';
import { errorName } from '../errors/visible.js';
import type { MimcAcquireOptions, MimcLane, MimcPermit, MimcRateLimiter } from '../pacing/rate-limiter.js';
import { type AttemptRequest, MimcTransport, stopFailure } from '../transport/mimc-transport.js';
import type { AttemptFailure, AttemptResult, ReplyReader } from '../transport/reply.js';
import { CallProgress } from './call-progress.js';
import { CallLimits, CallScope } from './call-scope.js';
import {
  attemptChannel,
  failureEvent,
  MimcAttemptEvent,
  MimcCallEvent,
  publishRetry,
  publishThrottled,
  traced,
} from './diagnostics.js';
import { WINDOW_MS } from '../pacing/quota-window.js';
import type { MimcQuotaBucket } from '../pacing/quota.js';
import type { RetryPolicy } from './retry.js';
import type { CallReceipt } from './call-progress.js';
import type { AppCredentials, MimcCredentials } from './credentials.js';
import { CredentialsRenewal } from './credentials-renewal.js';
import type { PushWatch } from './push-watch.js';
import { backoffMs, isRetryable, RetryBudget } from './retry.js';

/** A call, checked and ready to go. */
export interface Call<T = unknown> {
  callId: string;
  endpoint: MimcEndpoint;
  /** `name` of the module. */
  name?: string;
  /** What is sent besides the credentials: each attempt has those that are in use when it begins. */
  fields?: AttemptRequest<T>['fields'];
  headed?: AttemptRequest<T>['headed'];
  /** Which quota it draws on; none when absent. */
  bucket?: MimcQuotaBucket;
  /** Recipients: what each attempt costs of the quota. */
  units: number;
  lane: MimcLane;
  ignoresMaxQueued?: MimcAcquireOptions['ignoresMaxQueued'];
  retry: RetryPolicy;
  /** Called before each request leaves, once it is admitted; the call ends as `not-sent` when it rejects. */
  claim?: (() => Promise<void>) | undefined;
  /** Judges the reply. */
  read: ReplyReader<T>;
}

/** How often a call is made again with other credentials: a function that always returns others must not keep it going. */
const MAX_RENEWALS = 3;

/** For calls that draw on no quota. */
const UNPACED: MimcPermit = { settle() {}, cancel() {} };

/** What a delivered call brought. */
export interface Delivered<T> extends CallReceipt {
  answer: T;
  /** Recipients × messages of the call. */
  requested: number;
}

/** Makes attempts until one succeeds or none may follow: the one place that decides on retries. */
export class DeliveryEngine {
  readonly #transport: MimcTransport;
  readonly #limiter: MimcRateLimiter;
  readonly #watch: PushWatch;
  readonly #credentials: MimcCredentials;
  readonly #renewal: CredentialsRenewal;
  readonly #budget = new RetryBudget();
  /** Of calls without a quota, so that their trouble does not use up the retries of pushes. */
  readonly #unpacedBudget = new RetryBudget();
  readonly #scopes = new Set<CallScope>();
  #closed = false;

  constructor(transport: MimcTransport, limiter: MimcRateLimiter, watch: PushWatch, credentials: MimcCredentials) {
    this.#transport = transport;
    this.#limiter = limiter;
    this.#watch = watch;
    this.#credentials = credentials;
    this.#renewal = new CredentialsRenewal(credentials, watch);
  }

  /**
   * Delivers a call within its limits.
   *
   * @throws MimcError whose outcome is the worst of all attempts
   */
  async deliver<T>(call: Call<T>, limits: CallLimits): Promise<Delivered<T>> {
    const scope = new CallScope(limits);
    const progress = new CallProgress(call.callId, call.endpoint);
    if (this.#closed) scope.stop('MIMC_CLOSED');
    this.#scopes.add(scope);
    try {
      for (;;) {
        const permit = this.#tryAdmit(call, scope, progress) ?? (await this.#admit(call, scope, progress));
        if (call.claim !== undefined) await this.#claim(call.claim, scope, progress, permit);
        const used = this.#credentials.current;
        const result = await this.#attempt(call, used, scope, progress, permit);
        if (result.ok) {
          this.#budgetOf(call).earn();
          const { callId, attempts, timing, mayBeDuplicate } = progress.receipt();
          return { answer: result.answer, requested: call.units, callId, attempts, timing, mayBeDuplicate };
        }
        const error = progress.failed(result.failure);
        if (await this.#hasNewCredentials(call, used, scope, progress, result.failure)) continue;
        await this.#backOff(call, scope, progress, result.failure, error);
      }
    } finally {
      this.#scopes.delete(scope);
      scope.end();
    }
  }

  /** Whether a call is in progress. */
  get inUse(): boolean {
    return this.#scopes.size > 0;
  }

  /**
   * Takes no more calls and ends those that wait. Resolves when all are over; those with a request in flight have
   * `graceMs` for it.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const scopes = [...this.#scopes];
    const inFlight = scopes.filter((scope) => scope.inFlight).length;
    this.#watch.closing(inFlight, scopes.length - inFlight);
    const ended = Promise.all(scopes.map((scope) => scope.ended()));
    for (const scope of scopes) scope.stopUnlessInFlight('MIMC_CLOSED');
    const grace = setTimeout(() => scopes.forEach((scope) => scope.stop('MIMC_CLOSED')), graceMs);
    await ended;
    clearTimeout(grace);
  }

  #budgetOf({ bucket }: Call): RetryBudget {
    return bucket === undefined ? this.#unpacedBudget : this.#budget;
  }

  /** A permit, if the call need not wait for it. */
  #tryAdmit({ bucket, units, lane }: Call, scope: CallScope, progress: CallProgress): MimcPermit | undefined {
    // The deadline timer may not have fired yet, so check the clock.
    if (scope.remainingMs() <= 0) scope.stop('MIMC_DEADLINE');
    throwIfStopped(scope, progress);
    return bucket && this.#limiter.tryAcquire?.(bucket, units, lane);
  }

  async #admit(call: Call, scope: CallScope, progress: CallProgress): Promise<MimcPermit> {
    const permit = await this.#waitForQuota(call, scope, progress);
    // The process may have been too busy for its own timer.
    if (scope.remainingMs() <= 0) scope.stop('MIMC_DEADLINE');
    if (scope.stopped !== undefined) permit.cancel();
    throwIfStopped(scope, progress);
    return permit;
  }

  async #waitForQuota(
    { bucket, units, lane, ignoresMaxQueued }: Call,
    scope: CallScope,
    progress: CallProgress,
  ): Promise<MimcPermit> {
    if (bucket === undefined) return UNPACED;
    const { signal, deadlineAt } = scope;
    try {
      const options = { lane, signal, deadlineAt, ...(ignoresMaxQueued && { ignoresMaxQueued }) };
      return await progress.timed('queuedMs', this.#limiter.acquire(bucket, units, options));
    } catch (error) {
      throwIfStopped(scope, progress);
      throw progress.ended(admissionFailure(error));
    }
  }

  async #claim(
    claim: () => Promise<void>,
    scope: CallScope,
    progress: CallProgress,
    permit: MimcPermit,
  ): Promise<void> {
    try {
      await claim();
      if (scope.remainingMs() <= 0) scope.stop('MIMC_DEADLINE');
      throwIfStopped(scope, progress);
    } catch (error) {
      permit.cancel();
      throw MimcError.is(error) ? error : progress.ended(admissionFailure(error));
    }
  }

  async #attempt<T>(
    call: Call<T>,
    used: AppCredentials,
    scope: CallScope,
    progress: CallProgress,
    permit: MimcPermit,
  ): Promise<AttemptResult<T>> {
    progress.attempts += 1;
    const begin = performance.now();
    const request = () => this.#request(call, used, scope, permit);
    const result = attemptChannel.hasSubscribers
      ? await traced<MimcAttemptEvent, AttemptResult<T>>(
          attemptChannel,
          { ...eventOf(call), attempt: progress.attempts },
          request,
          recordAttempt,
        )
      : await request();
    progress.timing.networkMs += performance.now() - begin;
    // A refusal of outdated credentials says nothing about those in use.
    const isOutdated = used !== this.#credentials.current && !result.ok && result.failure.code === 'MIMC_AUTH';
    if (!isOutdated) this.#watch.attempted(result, call.bucket !== undefined, begin);
    if (!result.ok && result.failure.code === 'MIMC_RATE_LIMITED') this.#penalize(call, progress, result.failure);
    return result;
  }

  /** Holds the permit for as long as the request is in flight, and no longer, whatever else may fail. */
  async #request<T>(
    call: Call<T>,
    used: AppCredentials,
    scope: CallScope,
    permit: MimcPermit,
  ): Promise<AttemptResult<T>> {
    const result = await this.#transport.send(call, used, scope);
    if (!result.ok && result.failure.outcome === 'not-sent') permit.cancel();
    else permit.settle();
    return result;
  }

  /**
   * Pauses the whole bucket, for one window of the quota unless the answer names a time. Waiting calls keep waiting, and
   * spend no attempt on it.
   */
  #penalize(call: Call, { attempts }: CallProgress, { retryAfterMs: forMs = WINDOW_MS }: AttemptFailure): void {
    const { bucket } = call;
    publishThrottled({ ...eventOf(call), attempt: attempts, ...(bucket !== undefined && { bucket }), forMs });
    if (bucket === undefined) return;
    const rested = this.#limiter.status(bucket).resumesInMs > 0;
    this.#limiter.penalize(bucket, forMs);
    if (!rested && this.#limiter.status(bucket).resumesInMs > 0) this.#watch.penaltyStarted(bucket, forMs);
  }

  /**
   * Whether MIMC refused credentials that are not in use any more, now or when the function has been asked for others: the
   * same call is then made with those in use. As it was refused, nothing of it was sent.
   */
  async #hasNewCredentials(
    call: Call,
    used: AppCredentials,
    scope: CallScope,
    progress: CallProgress,
    failure: AttemptFailure,
  ): Promise<boolean> {
    if (failure.code !== 'MIMC_AUTH') return false;
    const renewal = this.#renewal.refused(used);
    if (failure.outcome !== 'refused' || renewal === undefined) return false;
    if (call.retry.isSingle || progress.renewals >= MAX_RENEWALS) return false;
    progress.renewals += 1;
    // The call continues, so a pending stop now applies as it does between two attempts.
    if (scope.lastAttemptAs !== undefined) scope.stop(scope.lastAttemptAs);
    await progress.timed('backoffMs', scope.until(renewal));
    throwIfStopped(scope, progress);
    if (used === this.#credentials.current) return false;
    publishRetry({ ...eventOf(call), attempt: progress.attempts, delayMs: 0, error: failureEvent(failure) });
    return true;
  }

  /** Returns when the next attempt may be made; throws the call's error when there is none. */
  async #backOff(
    call: Call,
    scope: CallScope,
    progress: CallProgress,
    failure: AttemptFailure,
    error: MimcError,
  ): Promise<void> {
    const { retry } = call;
    // The caller, the deadline or a shutdown ended it, or is about to.
    if (scope.stopped !== undefined || scope.lastAttemptAs !== undefined) throw error;
    // What may have been sent is repeated only where a message may arrive twice.
    if (!isRetryable(failure, retry.delivery)) throw error;
    if (progress.attempts >= retry.maxAttempts) throw error;
    // A push that was throttled waits in its bucket; a call without one waits here.
    const restMs = call.bucket === undefined && failure.code === 'MIMC_RATE_LIMITED' ? WINDOW_MS : undefined;
    const delayMs = backoffMs(progress.attempts, retry, failure.retryAfterMs ?? restMs);
    // The next attempt could not begin in time.
    if (delayMs >= scope.remainingMs()) throw error;
    // Most calls fail just now: more attempts would only add to the trouble.
    if (!this.#budgetOf(call).take()) throw error;
    publishRetry({ ...eventOf(call), attempt: progress.attempts, delayMs, error: failureEvent(failure) });
    await progress.timed('backoffMs', scope.sleep(delayMs));
    throwIfStopped(scope, progress);
  }
}

/** Throws the call's error when it was stopped while no request was in flight. */
function throwIfStopped(scope: CallScope, progress: CallProgress): void {
  if (scope.stopped !== undefined) throw progress.ended(stopFailure(scope.stopped, 'not-sent'));
}

/** The fields of every event of a call. */
function eventOf({ callId, endpoint, name }: Call): Pick<MimcCallEvent, 'callId' | 'endpoint' | 'name'> {
  return { callId, endpoint, ...(name !== undefined && { name }) };
}

function recordAttempt(end: PromiseSettledResult<AttemptResult>): Partial<MimcAttemptEvent> {
  if (end.status === 'rejected') return {};
  const { value: result } = end;
  return result.ok ? { result: { httpStatus: result.httpStatus } } : { error: failureEvent(result.failure) };
}

/** Why a limiter did not admit a call. A limiter that violates its contract is reported like one that is unreachable. */
function admissionFailure(error: unknown): AttemptFailure {
  if (MimcError.is(error)) return { code: error.code, outcome: 'not-sent', message: error.message };
  return {
    code: 'MIMC_CONNECT',
    outcome: 'not-sent',
    message: `Cannot reach the limiter (${errorName(error)})`,
  };
}
