import { stringify } from 'lossless-json';

/** A whole HTTP answer, not yet sent. */
export interface EmulatorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** `code` of the envelope in `body`. */
  readonly code?: number;
}

const JSON_HEADERS = { 'content-type': 'application/json;charset=UTF-8' };

/** The envelope of an accepted push (docs/mimc-api.md §1.1): one id, or one per recipient in their order. */
export function acceptance(packetIds: readonly string[], form: 'one' | 'many'): EmulatorAnswer {
  const data = form === 'one' ? { packetId: packetIds[0] } : { packetIds };
  return envelope(200, { code: 200, data, message: 'success' });
}

/** The envelope of a refusal, in the form of the one error body that is documented (docs/mimc-api.md §2). */
export function refusal(
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): EmulatorAnswer {
  return envelope(status, { code, message, data: null }, headers);
}

/** The envelope of what was done or read; a `bigint` in `data` is written as an integer with all its digits. */
export function success(data: unknown, message = 'success'): EmulatorAnswer {
  const body = { code: 200, data, message };
  return envelope(200, body, {}, stringify(body));
}

function envelope(
  status: number,
  body: { code: number; data: unknown; message: string },
  headers: Readonly<Record<string, string>> = {},
  text = JSON.stringify(body),
): EmulatorAnswer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: text, code: body.code };
}

/** An answer that need not be an envelope; JSON unless `headers` say otherwise. */
export function rawAnswer(
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): EmulatorAnswer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body };
}

/** HTTP status for an envelope's code (docs/mimc-api.md §10 row 1). */
export function statusFor(code: number, errorStatus: 'ok' | 'mirror'): number {
  return errorStatus === 'mirror' && code >= 400 && code <= 599 ? code : 200;
}
