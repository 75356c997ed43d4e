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

/** How long the shortest text of a success is (mimc-api.md §1.1), without the message and the ids and a comma. */
const BARE_LENGTH: Readonly<Record<PacketIdKey, number>> = {
  packetId: '{"code":200,"data":{"packetId":},"message":""}'.length - 1,
  packetIds: '{"code":200,"data":{"packetIds":[]},"message":""}'.length - 1,
};

/**
 * The packetIds of an answer like those in MIMC's documents, whose text is no longer than what it says takes without
 * escapes: no room is left for a name that comes twice, or for anything else that `JSON.parse` would lose. Undefined for
 * every other, which is read with care.
 */
function readPlainSuccess(body: string | undefined, key: PacketIdKey): PacketIds | undefined {
  if (body === undefined || body.includes('\\')) return undefined;
  let envelope: Envelope;
  try {
    envelope = JSON.parse(body) as Envelope;
  } catch {
    return undefined;
  }
  if (!isRecord(envelope) || envelope.code !== 200 || typeof envelope.message !== 'string') return undefined;
  const ids = idsOf(envelope.data, key);
  if (ids === undefined) return undefined;
  let length = BARE_LENGTH[key] + envelope.message.length;
  for (const id of ids) {
    if (typeof id !== 'string' || id === '') return undefined;
    length += '"",'.length + id.length;
  }
  return length === body.length ? (ids as unknown as PacketIds) : undefined;
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
  const [first, ...others] = idsOf(data, key)?.map(readPacketId) ?? [];
  return first !== undefined && others.every((id) => id !== undefined) ? [first, ...others] : undefined;
}

/** What stands where the ids should be; undefined when there is nothing. */
function idsOf(data: unknown, key: PacketIdKey): readonly unknown[] | undefined {
  if (!isRecord(data)) return undefined;
  const value = data[key];
  if (key === 'packetId') return [value];
  return Array.isArray(value) && value.length > 0 ? value : undefined;
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
