import { validateHeaderName, validateHeaderValue } from 'node:http';

/** Whether the message counts as accepted although the client gets a failure: the ledger then holds it. */
interface Acceptance {
  readonly accepted?: boolean | undefined;
}

/**
 * One way in which a push goes wrong. A request is judged as usual (credentials, fields, quota); a fault changes what the
 * client gets to see of it. With `accepted: true` a valid push that fits the quota enters the ledger all the same; with
 * `false` it does not, and takes no quota; a change of a group is made, or is not, in the same way. An invalid request never
 * enters the ledger.
 */
export type EmulatorFault =
  /**
   * An envelope with this `code` and `data: null`. `httpStatus` defaults to what the emulator's `errorStatus` makes of
   * the code; `retryAfter` is the `Retry-After` header. Accepted: false, unless the code is 200.
   */
  | ({
      readonly kind: 'code';
      readonly code: number;
      readonly message?: string | undefined;
      readonly httpStatus?: number | undefined;
      readonly retryAfter?: string | undefined;
    } & Acceptance)
  /** An HTTP status with a body that is not an envelope (default none), and `location` for redirects. Accepted: false. */
  | ({
      readonly kind: 'status';
      readonly status: number;
      readonly body?: string | undefined;
      readonly contentType?: string | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly location?: string | undefined;
    } & Acceptance)
  /** An HTML error page; `status` defaults to 502. Accepted: false. */
  | ({ readonly kind: 'html'; readonly status?: number | undefined } & Acceptance)
  /** The normal answer, `ms` milliseconds late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request is read and nothing is ever sent. Accepted: true. */
  | ({ readonly kind: 'hang' } & Acceptance)
  /** Headers and half the body, then nothing. Accepted: true. */
  | ({ readonly kind: 'stall' } & Acceptance)
  /** A byte every `everyMs` milliseconds (default 10): the answer without its last byte, then spaces without end. Accepted: true. */
  | ({ readonly kind: 'dribble'; readonly everyMs?: number | undefined } & Acceptance)
  /** The connection is reset once the request is read. Accepted: true. */
  | ({ readonly kind: 'reset'; readonly when: 'after-read' } & Acceptance)
  /** The connection is reset as soon as the request's headers are there; its body is never read, so never accepted. */
  | { readonly kind: 'reset'; readonly when: 'before-read' }
  /** Half the answer: as valid HTTP (`json`, default), or cut off short of its Content-Length (`connection`). Accepted: true. */
  | ({ readonly kind: 'truncate'; readonly cut?: 'json' | 'connection' | undefined } & Acceptance)
  /** No body; `status` defaults to 200. Accepted: when the status is 2xx. */
  | ({ readonly kind: 'empty'; readonly status?: number | undefined } & Acceptance)
  /** `bytes` (default 256) bytes that are neither UTF-8 nor JSON; `status` defaults to 200. Accepted: when the status is 2xx. */
  | ({
      readonly kind: 'garbage';
      readonly bytes?: number | undefined;
      readonly status?: number | undefined;
    } & Acceptance)
  /** The normal answer, headers included, written byte by byte; the connection closes after it. */
  | { readonly kind: 'split' }
  /** This very body; `status` defaults to 200, the content type to JSON's. Accepted: when the status is 2xx. */
  | ({
      readonly kind: 'body';
      readonly body: string;
      readonly status?: number | undefined;
      readonly contentType?: string | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    } & Acceptance)
  /**
   * An envelope whose `message` repeats the request's body, and its headers where the credentials are there: as it came (`raw`, default), as a JSON string literal with
   * slashes escaped too (`json`), or percent-encoded (`url`). `code` defaults to 400. Accepted: false.
   */
  | ({
      readonly kind: 'echo';
      readonly form?: 'raw' | 'json' | 'url' | undefined;
      readonly code?: number | undefined;
    } & Acceptance)
  /**
   * The normal answer, then the kept-alive connection is closed after `afterMs` milliseconds (default 0), even when the
   * next request is in flight by then. With `announce` the answer says `Connection: close` and the close is immediate.
   */
  | { readonly kind: 'close-idle'; readonly afterMs?: number | undefined; readonly announce?: boolean | undefined };

/** Name of a fault. */
export type EmulatorFaultKind = EmulatorFault['kind'];

/** Whether a valid push enters the ledger under this fault. */
export function acceptsUnder(fault: EmulatorFault | undefined): boolean {
  if (fault === undefined) return true;
  if ('accepted' in fault && fault.accepted !== undefined) return fault.accepted;
  switch (fault.kind) {
    case 'code':
      return fault.code === 200;
    case 'status':
    case 'html':
    case 'echo':
      return false;
    case 'reset':
      return fault.when === 'after-read';
    case 'empty':
    case 'garbage':
    case 'body':
      return isSuccess(fault.status ?? 200);
    default:
      return true;
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/**
 * Checks a fault when it is scripted, so that the mistake shows there and not inside the server.
 *
 * @throws TypeError naming the field.
 */
export function checkFault(fault: EmulatorFault): EmulatorFault {
  for (const field of ['status', 'httpStatus'] as const) checkInteger(fault, field, 200, 599);
  for (const field of ['ms', 'afterMs', 'bytes'] as const) checkInteger(fault, field, 0, 2 ** 31 - 1);
  checkInteger(fault, 'everyMs', 1, 2 ** 31 - 1);
  checkInteger(fault, 'code', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  for (const [name, value] of Object.entries(faultHeaders(fault))) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return fault;
}

function checkInteger(fault: EmulatorFault, field: string, min: number, max: number): void {
  const value: unknown = Reflect.get(fault, field);
  if (value === undefined) return;
  if (!Number.isInteger(value) || Number(value) < min || Number(value) > max) {
    throw new TypeError(`fault "${fault.kind}": ${field} must be an integer from ${min} to ${max}`);
  }
}

/** The headers a fault adds to its answer. */
export function faultHeaders(fault: EmulatorFault): Record<string, string> {
  const headers: Record<string, string> = {};
  if ('contentType' in fault && fault.contentType !== undefined) headers['content-type'] = fault.contentType;
  if ('retryAfter' in fault && fault.retryAfter !== undefined) headers['retry-after'] = fault.retryAfter;
  if ('location' in fault && fault.location !== undefined) headers['location'] = fault.location;
  if ('headers' in fault) {
    for (const [name, value] of Object.entries(fault.headers ?? {})) headers[name.toLowerCase()] = value;
  }
  return headers;
}
