import { channel, TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { MimcEndpoint, MimcErrorCode, MimcErrorInit, MimcOutcome } from '../errors/mimc-error.js';
import type { MimcLane } from '../pacing/rate-limiter.js';
import type { MimcQuotaBucket } from '../pacing/quota.js';

/** What an event reports of a failure: neither `message` nor `apiMessage`, in which a server may echo the push. */
export interface MimcFailureEvent {
  readonly code: MimcErrorCode;
  readonly outcome: MimcOutcome;
  readonly httpStatus?: number;
  readonly apiCode?: number;
  readonly retryAfterMs?: number;
}

/** Context of the tracing channel `mimc:call`: one call, from its validation to its end. */
export interface MimcCallEvent {
  readonly callId: string;
  readonly endpoint: MimcEndpoint;
  /** `name` of the module. */
  readonly name?: string;
  /** Host and port of `baseUrl`. */
  readonly server: { readonly address: string; readonly port: number };
  /** Recipients × messages of a push; absent until the call is validated, and for what is not a push. */
  recipients?: number;
  lane?: MimcLane;
  /** Requests made; set at the end. */
  attempts?: number;
  /** Set when the call succeeded. */
  result?: { readonly mayBeDuplicate: boolean };
  /** Set when it failed. */
  error?: MimcFailureEvent;
}

/** Context of the tracing channel `mimc:attempt`: one request. */
export interface MimcAttemptEvent {
  readonly callId: string;
  readonly endpoint: MimcEndpoint;
  readonly name?: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** Set when the attempt succeeded. */
  result?: { readonly httpStatus: number };
  /** Set when it failed. */
  error?: MimcFailureEvent;
}

/** Message of the channel `mimc:throttled`: MIMC throttled an attempt, and admission pauses. */
export interface MimcThrottledEvent {
  readonly callId: string;
  readonly endpoint: MimcEndpoint;
  readonly name?: string;
  readonly attempt: number;
  /** The quota that pauses; absent for calls other than pushes, which draw on none. */
  readonly bucket?: MimcQuotaBucket;
  /** For how long, in milliseconds. */
  readonly forMs: number;
}

/** Message of the channel `mimc:retry`: another attempt follows. */
export interface MimcRetryEvent {
  readonly callId: string;
  readonly endpoint: MimcEndpoint;
  readonly name?: string;
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  /** The pause before the next, in milliseconds. */
  readonly delayMs: number;
  readonly error: MimcFailureEvent;
}

/** `mimc:call`; its events are {@link MimcCallEvent}. */
export const callChannel = tracingChannel<unknown, MimcCallEvent>('mimc:call');

/** `mimc:attempt`; its events are {@link MimcAttemptEvent}. */
export const attemptChannel = tracingChannel<unknown, MimcAttemptEvent>('mimc:attempt');

const throttled = channel('mimc:throttled');
const retried = channel('mimc:retry');

/** Publishes to `mimc:throttled`. */
export function publishThrottled(event: MimcThrottledEvent): void {
  throttled.publish(event);
}

/** Publishes to `mimc:retry`. */
export function publishRetry(event: MimcRetryEvent): void {
  retried.publish(event);
}

/**
 * Runs `step` with the events of a tracing channel around it, in Node's order: start, end, error if it failed,
 * asyncStart, asyncEnd. `record` says what the event reports at its end; Node's own `tracePromise` would put the whole
 * error there. Call it only when the channel has subscribers, so that no event is created unnecessarily.
 */
export async function traced<E extends { error?: MimcFailureEvent }, T>(
  events: TracingChannel<unknown, E>,
  event: E,
  step: (event: E) => Promise<T>,
  record: (end: PromiseSettledResult<T>) => Partial<E>,
): Promise<T> {
  // Asynchronous, so that a step that throws at once ends its events too.
  const running = events.start.runStores(event, async () => step(event));
  events.end.publish(event);
  const [end] = await Promise.allSettled([running]);
  const outcome = record(end);
  extend(event, outcome);
  if (outcome.error !== undefined) events.error.publish(event);
  events.asyncStart.publish(event);
  events.asyncEnd.publish(event);
  return running;
}

/** Adds to an event as far as its subscribers let it: one that froze or redefined it must not change a call's result. */
export function extend<E extends object>(event: E, more: Partial<E>): void {
  for (const [field, value] of Object.entries(more)) {
    Reflect.defineProperty(event, field, { value, configurable: true, enumerable: true, writable: true });
  }
}

/** What an event reports of a failure. */
export function failureEvent(failure: Omit<MimcErrorInit, 'message'>): MimcFailureEvent {
  const { code, outcome, httpStatus, apiCode, retryAfterMs } = failure;
  return {
    code,
    outcome,
    ...(httpStatus !== undefined && { httpStatus }),
    ...(apiCode !== undefined && { apiCode }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
