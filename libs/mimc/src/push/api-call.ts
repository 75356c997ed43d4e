import type { CallLimits } from '../delivery/call-scope.js';
import type { Call } from '../delivery/delivery-engine.js';
import { checkRetry, type MimcRetryOptions, retryOf } from '../delivery/retry.js';
import type { MimcEndpoint, MimcViolation } from '../errors/mimc-error.js';
import { check, type Checked, type InPart } from '../validation/check.js';
import { IfSet, IsAbortSignal, IsIntFrom, IsObjectOrFalse, MAX_TIMER_MS } from '../validation/rules.js';
import { type CallId, invalidCall, type PreparedCall } from './call-factory.js';
import type { MimcSettings } from './settings.js';

/** Options of one call that is not a push. */
export interface MimcCallOptions {
  /** Aborting ends the call with `MIMC_ABORTED`; the outcome says whether it had been dispatched. */
  signal?: AbortSignal | undefined;
  /** The whole call: attempts and backoff; in milliseconds. Default: the module's `deadlineMs`. */
  deadlineMs?: number | undefined;
  /**
   * Overrides the module's `retry` in part; `false` is exactly one request. The module's `delivery` is for messages: here it
   * is `at-least-once` for what only reads, and otherwise `at-most-once`, unless this says so.
   */
  retry?: InPart<MimcRetryOptions> | false | undefined;
}

class CallOptionsRules implements Omit<MimcCallOptions, 'retry'> {
  @IfSet() @IsAbortSignal() signal?: AbortSignal;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) deadlineMs?: number;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
}

/** The options of a call and what is wrong with them; each field is named as `options.…`. */
export function checkCallOptions(options: unknown = {}): Checked<MimcCallOptions> {
  const { value, violations } = check(CallOptionsRules, options, 'options');
  const retry = checkRetry(value?.retry, 'options.retry');
  const { signal, deadlineMs } = value ?? {};
  return { value: { signal, deadlineMs, retry: retry.value }, violations: [...violations, ...retry.violations] };
}

/** What a call that is not a push sends, and what it makes of the answer. */
export type ApiRequest<T> = Pick<Call<T>, 'fields' | 'headed' | 'read'>;

/**
 * A call that is not a push: it draws on no quota.
 *
 * @param isRepeatable whether an attempt may follow one whose outcome is unknown, unless the options say otherwise
 */
export function apiCall<T>(
  { callId, endpoint, name }: CallId<MimcEndpoint>,
  request: ApiRequest<T>,
  { signal, deadlineMs, retry }: MimcCallOptions,
  settings: MimcSettings,
  isRepeatable: boolean,
): PreparedCall<T> {
  const delivery = isRepeatable ? 'at-least-once' : 'at-most-once';
  const limits: CallLimits = { deadlineMs: deadlineMs ?? settings.deadlineMs, signal };
  const call: Call<T> = {
    callId,
    endpoint,
    name,
    ...request,
    units: 1,
    lane: 'interactive',
    retry: retryOf({ ...settings.retry, delivery }, retry),
  };
  return { call, limits };
}

/**
 * What was checked.
 *
 * @throws MimcError `MIMC_INVALID` when anything breaks a rule
 */
export function accepted<T>(
  { value, violations }: Checked<T>,
  others: readonly MimcViolation[],
  settings: MimcSettings,
  { callId, endpoint }: CallId<MimcEndpoint>,
): T {
  const all = [...violations, ...others];
  if (value === undefined || all.length > 0) throw invalidCall(all, settings, { callId, endpoint });
  return value;
}
