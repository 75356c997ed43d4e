import { LosslessNumber, parse } from 'lossless-json';
import { MimcErrorInit } from '../errors/mimc-error.js';
import { Redactor } from '../errors/redact.js';
import { ExchangeReply } from './exchange.js';
import { retryAfterMs } from './retry-after.js';

/** Why an attempt failed: the part of a `MimcError` that one attempt can tell. */
export type AttemptFailure = Pick<
  MimcErrorInit,
  'code' | 'message' | 'outcome' | 'httpStatus' | 'apiCode' | 'apiMessage' | 'retryAfterMs'
>;

/** MIMC's ids of the messages it took: one at least. */
export type PacketIds = readonly [string, ...string[]];

/** What came of one attempt. */
export type AttemptResult =
  { ok: true; httpStatus: number; packetIds: PacketIds } | { ok: false; failure: AttemptFailure };

/** Which field of an answer's `data` holds the ids. */
type PacketIdKey = 'packetId' | 'packetIds';

const MAX_API_MESSAGE = 500;

/** MIMC's answer around every result (mimc-api.md §1.1). */
interface Envelope {
  code: number;
  message?: unknown;
  data?: unknown;
}

/**
 * Judges a reply. Success is HTTP 2xx and envelope code 200 and a packetId (mimc-api.md §10, row 1); everything else is
 * a failure with the code and outcome of the design's tables.
 */
export function readReply(reply: ExchangeReply, key: PacketIdKey, redact: Redactor): AttemptResult {
  const { status } = reply;
  const plain = isSuccess(status) ? readPlainSuccess(reply.body, key) : undefined;
  if (plain !== undefined) return { ok: true, httpStatus: status, packetIds: plain };
  const envelope = parseEnvelope(reply.body);
  if (envelope?.code === 200 && isSuccess(status)) {
    const packetIds = readPacketIds(envelope.data, key);
    if (packetIds !== undefined) return { ok: true, httpStatus: status, packetIds };
  }
  const failure = envelope === undefined ? withoutEnvelope(status) : withEnvelope(status, envelope, redact);
  const waitMs = retryAfterMs(reply.headers);
  return {
    ok: false,
    failure: { ...failure, httpStatus: status, ...(waitMs !== undefined && { retryAfterMs: waitMs }) },
  };
}

function withEnvelope(status: number, envelope: Envelope, redact: Redactor): AttemptFailure {
  const { code: apiCode } = envelope;
  const apiMessage = typeof envelope.message === 'string' ? cut(redact(envelope.message)) : undefined;
  const said = { apiCode, ...(apiMessage !== undefined && { apiMessage }) };
  const outcome = outcomeOf(status);
  switch (apiCode) {
    case 200: {
      // It says yes: whatever the status says, the message may have been sent.
      const message = isSuccess(status)
        ? 'MIMC answered success without a packetId'
        : `MIMC answered success under HTTP status ${status}`;
      return { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', message, ...said };
    }
    case 401:
      return { code: 'MIMC_AUTH', outcome, message: 'MIMC refused the credentials', ...said };
    case 429:
      return { code: 'MIMC_RATE_LIMITED', outcome, message: 'MIMC throttled the call', ...said };
    default: {
      const message = `MIMC answered code ${apiCode}${apiMessage ? `: ${apiMessage}` : ''}`;
      return { code: 'MIMC_API', outcome, message, ...said };
    }
  }
}

function withoutEnvelope(status: number): AttemptFailure {
  const outcome = outcomeOf(status);
  if (status === 401) return { code: 'MIMC_AUTH', outcome, message: 'MIMC refused the credentials (HTTP status 401)' };
  if (status === 429) {
    return { code: 'MIMC_RATE_LIMITED', outcome, message: 'MIMC throttled the call (HTTP status 429)' };
  }
  if (!isSuccess(status)) return { code: 'MIMC_HTTP', outcome, message: `MIMC answered HTTP status ${status}` };
  return { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', message: 'The reply is not a MIMC envelope' };
}

/**
 * What a failing reply says of the message. 5xx and 408 may come from a gateway after the request went on, so they prove
 * nothing, whatever the body says.
 */
function outcomeOf(status: number): 'refused' | 'unknown' {
  return status >= 500 || status === 408 ? 'unknown' : 'refused';
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The members of an answer in MIMC's documents (mimc-api.md §1.1). */
const MEMBERS = ['code', 'data', 'message'];

/**
 * The packetIds of an answer like those in MIMC's documents: code 200, its members and no others, none twice, no escapes,
 * ids that are strings. Of such a one `JSON.parse` loses nothing. Undefined for every other, which is read with care.
 */
function readPlainSuccess(body: string | undefined, key: PacketIdKey): PacketIds | undefined {
  if (body === undefined || body.includes('\\') || ![...MEMBERS, key].every((name) => isOnce(body, name)))
    return undefined;
  try {
    const value = JSON.parse(body) as Envelope;
    const isKnown = hasOnly(value, MEMBERS) && hasOnly(value.data, [key]);
    return isKnown && value.code === 200 ? readPacketIds(value.data, key) : undefined;
  } catch {
    return undefined;
  }
}

function hasOnly(value: unknown, names: readonly string[]): boolean {
  return isRecord(value) && Object.keys(value).length === names.length && names.every((name) => name in value);
}

function isOnce(body: string, name: string): boolean {
  const quoted = `"${name}"`;
  const at = body.indexOf(quoted);
  return at !== -1 && body.indexOf(quoted, at + quoted.length) === -1;
}

/** A JSON object whose `code` is an integer; undefined for everything else. Numbers keep their exact text. */
function parseEnvelope(body: string | undefined): Envelope | undefined {
  let value: unknown;
  try {
    value = parse(body ?? '');
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const code = value['code'] instanceof LosslessNumber ? Number(value['code'].value) : undefined;
  return Number.isSafeInteger(code) ? { ...value, code: code as number } : undefined;
}

function readPacketIds(data: unknown, key: PacketIdKey): PacketIds | undefined {
  if (!isRecord(data)) return undefined;
  const value = key === 'packetId' ? [data[key]] : data[key];
  if (!Array.isArray(value)) return undefined;
  const ids: string[] = [];
  for (const item of value) {
    const id = readPacketId(item);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return isSome(ids) ? ids : undefined;
}

function isSome(ids: readonly string[]): ids is PacketIds {
  return ids.length > 0;
}

/** Documented as a string (mimc-api.md §8); an integer is taken as its exact decimal text. */
function readPacketId(id: unknown): string | undefined {
  if (typeof id === 'string' && id !== '') return id;
  return id instanceof LosslessNumber && /^-?\d+$/.test(id.value) ? id.value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber);
}

function cut(text: string): string {
  return text.length <= MAX_API_MESSAGE ? text : text.slice(0, MAX_API_MESSAGE);
}
