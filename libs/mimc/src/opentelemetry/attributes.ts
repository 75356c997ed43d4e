import type { Attributes } from '@opentelemetry/api';
import type { MimcAttemptEvent, MimcCallEvent, MimcEndpoint, MimcFailureEvent } from '../index.js';
import { ENDPOINTS, isBatch, isPush } from '../internals.js';

/** `error.type` of an error that is not a MimcError, as the conventions define it. */
const OTHER = '_OTHER';

/** How a call or an attempt ended. */
interface Ended {
  readonly result?: object;
  readonly error?: MimcFailureEvent;
}

/** Which MIMC application of the process, by the `name` of its module; the one without a name has no attribute. */
export function appAttributes(name: string | undefined): Attributes {
  return name === undefined ? {} : { 'mimc.app.name': name };
}

/** By the conventions for messaging, which tokens and groups have nothing to do with. */
const SENDS: Attributes = {
  'messaging.system': 'mimc',
  'messaging.operation.name': 'send',
  'messaging.operation.type': 'send',
};

/** The name of a call's span: of few values, as the conventions want it. */
export function spanName(endpoint: MimcEndpoint): string {
  return isPush(endpoint) ? `send ${endpoint}` : `${ENDPOINTS[endpoint].method} ${endpoint}`;
}

/**
 * What is known of a call when it starts, for samplers too. By OpenTelemetry's conventions for messaging and for HTTP
 * clients, as far as these name no recipient.
 */
export function startAttributes({ endpoint, callId, name, server }: MimcCallEvent): Attributes {
  return {
    ...(isPush(endpoint) ? SENDS : {}),
    'server.address': server.address,
    'server.port': server.port,
    'http.request.method': ENDPOINTS[endpoint].method,
    'url.template': ENDPOINTS[endpoint].path,
    'mimc.endpoint': endpoint,
    'mimc.call_id': callId,
    ...appAttributes(name),
  };
}

/** What is known of it when it ends; `undefined` values are not recorded. */
export function endAttributes(event: MimcCallEvent): Attributes {
  const { endpoint, recipients, lane, attempts, result } = event;
  return {
    // The conventions keep it to batch operations.
    'messaging.batch.message_count': isBatch(endpoint) ? recipients : undefined,
    'mimc.lane': lane,
    'mimc.attempts': attempts,
    'mimc.may_be_duplicate': result?.mayBeDuplicate,
    ...outcomeAttributes(event),
  };
}

/** What a span event reports of an attempt that took `durationMs` milliseconds. */
export function attemptAttributes(event: MimcAttemptEvent, durationMs: number | undefined): Attributes {
  return {
    'mimc.attempt.number': event.attempt,
    'mimc.attempt.duration': durationMs === undefined ? undefined : durationMs / 1000,
    'http.response.status_code': httpStatusOf(event),
    ...outcomeAttributes(event),
  };
}

/** The HTTP status of an attempt; undefined when no reply came. */
export function httpStatusOf({ result, error }: MimcAttemptEvent): number | undefined {
  return result?.httpStatus ?? error?.httpStatus;
}

/** The code of a failure; undefined when there is none. */
export function failureCode({ result, error }: Ended): string | undefined {
  return result === undefined ? (error?.code ?? OTHER) : undefined;
}

/** `accepted`, or what a failure may have done. */
export function outcomeOf({ result, error }: Ended): string {
  return result === undefined ? (error?.outcome ?? 'unknown') : 'accepted';
}

function outcomeAttributes(event: Ended): Attributes {
  return {
    'mimc.outcome': outcomeOf(event),
    'mimc.api_code': event.error?.apiCode,
    'error.type': failureCode(event),
  };
}
