import { parse } from 'lossless-json';
import { MimcErrorInit } from '../errors/mimc-error.js';
import { Redactor } from '../errors/redact.js';
import { cut, visible } from '../errors/visible.js';
import { ExchangeReply } from './exchange.js';
import { retryAfterMs } from './retry-after.js';

/** Why an attempt failed: the part of a `MimcError` that one attempt determines. */
export type AttemptFailure = Pick<
  MimcErrorInit,
  'code' | 'message' | 'outcome' | 'httpStatus' | 'apiCode' | 'apiMessage' | 'retryAfterMs'
>;

/** MIMC's ids of the messages it took: one at least. */
export type PacketIds = readonly [string, ...string[]];

/** What came of one attempt; `answer` is what the call asked for. */
export type AttemptResult<T = unknown> =
  { ok: true; httpStatus: number; answer: T } | { ok: false; failure: AttemptFailure };

/** Judges a reply. It must not throw, and what it says of a failure holds no secret: `redact` knows those of the module. */
export type ReplyReader<T> = (reply: ExchangeReply, redact: Redactor) => AttemptResult<T>;

/** Which field of an answer's `data` holds the ids. */
type PacketIdKey = 'packetId' | 'packetIds';

const MAX_API_MESSAGE = 500;

/** Longer bodies are counted through before they are parsed; in characters. */
const MAX_UNCOUNTED = 64 * 1024;

/** Three in each id of the largest call. */
const MAX_MARKS = 30_000;

/** The longest body that is read with care, which takes ten times as long; the largest call's ids take half, as do 4,000 members of a group. */
const MAX_CAREFUL = 512 * 1024;

/** MIMC's answer around every result (docs/mimc-api.md §1.1). */
export interface Envelope {
  code: number;
  message?: unknown;
  data?: unknown;
}

/**
 * Judges a reply. Success is HTTP 2xx and envelope code 200 and a packetId (docs/mimc-api.md §10, row 1); everything else is
 * a failure with the code and outcome of the design's tables.
 */
export function readReply(reply: ExchangeReply, key: PacketIdKey, redact: Redactor): AttemptResult<PacketIds> {
  const { status } = reply;
  const envelope = reply.body === undefined ? undefined : parseEnvelope(reply.body, key);
  if (envelope?.code === 200 && isSuccess(status)) {
    const packetIds = readPacketIds(envelope.data, key);
    if (packetIds !== undefined) return { ok: true, httpStatus: status, answer: packetIds };
  }
  return failedReply(reply, envelope, 'without a packetId', redact);
}

/** Reads the packetId of a push to one recipient. */
export const readPacketIdOf: ReplyReader<PacketIds> = (reply, redact) => readReply(reply, 'packetId', redact);

/** Reads the packetIds of a push to many. */
export const readPacketIdsOf: ReplyReader<PacketIds> = (reply, redact) => readReply(reply, 'packetIds', redact);

/**
 * What a reply that is not a success says of its call.
 *
 * @param lacking what is wrong with an answer that says success
 */
export function failedReply(
  reply: ExchangeReply,
  envelope: Envelope | undefined,
  lacking: string,
  redact: Redactor,
): { ok: false; failure: AttemptFailure } {
  const { status } = reply;
  const failure =
    envelope === undefined ? withoutEnvelope(status, reply.flaw) : withEnvelope(status, envelope, lacking, redact);
  const waitMs = retryAfterMs(reply.headers);
  return {
    ok: false,
    failure: { ...failure, httpStatus: status, ...(waitMs !== undefined && { retryAfterMs: waitMs }) },
  };
}

function withEnvelope(status: number, envelope: Envelope, lacking: string, redact: Redactor): AttemptFailure {
  const { code: apiCode } = envelope;
  const apiMessage = typeof envelope.message === 'string' ? shown(envelope.message, redact) : undefined;
  const said = { apiCode, ...(apiMessage !== undefined && { apiMessage }) };
  const outcome = outcomeOf(status);
  switch (apiCode) {
    case 200: {
      // It says yes: whatever the status says, the message may have been sent.
      const message = isSuccess(status)
        ? `MIMC reported success ${lacking}`
        : `MIMC reported success with HTTP status ${status}`;
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

function withoutEnvelope(status: number, flaw: string | undefined): AttemptFailure {
  const outcome = outcomeOf(status);
  if (status === 401) return { code: 'MIMC_AUTH', outcome, message: 'MIMC refused the credentials (HTTP status 401)' };
  if (status === 429) {
    return { code: 'MIMC_RATE_LIMITED', outcome, message: 'MIMC throttled the call (HTTP status 429)' };
  }
  if (!isSuccess(status)) return { code: 'MIMC_HTTP', outcome, message: `MIMC answered HTTP status ${status}` };
  return { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', message: flaw ?? 'The reply is not a MIMC envelope' };
}

/**
 * What a failing reply says of the message, whatever its body says. 5xx and 408 may come from a gateway after it
 * forwarded the request, so they prove nothing. Nor do 301, 302 and 303: a server that has processed a POST may also
 * answer it with one of them (RFC 9110 §15.4), while 307 and 308 ask for the same POST elsewhere.
 */
function outcomeOf(status: number): 'refused' | 'unknown' {
  return status >= 500 || status === 408 || (status >= 301 && status <= 303) ? 'unknown' : 'refused';
}

/** HTTP 2xx. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** A JSON object whose `code` is an integer; undefined for everything else. */
export function parseEnvelope(body: string, key: PacketIdKey = 'packetId'): Envelope | undefined {
  if (isTooComplex(body)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
    if (needsCare(body, key, value)) value = body.length > MAX_CAREFUL ? undefined : parse(body, null, exactNumber);
  } catch {
    return undefined;
  }
  return envelopeOf(value);
}

/** Reads an envelope with every digit of its numbers; one that names a field twice with two values is none. */
export function parseExactly(body: string): Envelope | undefined {
  if (body.length > MAX_CAREFUL || isTooComplex(body)) return undefined;
  try {
    return envelopeOf(parse(body, null, exactNumber));
  } catch {
    return undefined;
  }
}

function envelopeOf(value: unknown): Envelope | undefined {
  if (!isRecord(value)) return undefined;
  const { code, message, data } = value;
  return Number.isSafeInteger(code) ? { code: code as number, message, data } : undefined;
}

/**
 * Whether a body is long without being a list of ids: `JSON.parse` takes seconds for 4 MiB of names or brackets, and blocks
 * everything else meanwhile.
 */
function isTooComplex(body: string): boolean {
  return body.length > MAX_UNCOUNTED && [':', '[', '{', ','].some((mark) => occursOften(body, mark));
}

function occursOften(body: string, mark: string): boolean {
  let count = 0;
  for (let at = body.indexOf(mark); at !== -1; at = body.indexOf(mark, at + 1)) {
    count += 1;
    if (count > MAX_MARKS) return true;
  }
  return false;
}

/** An escaped letter (`c\u006fde`), behind which a name may hide; no known writer of JSON escapes one. */
const ESCAPED_LETTER = /\\u00[4-7]/;

/** Whether `JSON.parse` may have lost something: digits of an id, or the first of two fields of one name. */
function needsCare(body: string, key: PacketIdKey, value: unknown): boolean {
  const fields = withoutList(body, key);
  if (ESCAPED_LETTER.test(fields) || ['code', 'data', key].some((name) => occursTwice(fields, `"${name}"`)))
    return true;
  const ids = isRecord(value) ? idsOf(value['data'], key) : undefined;
  return ids?.some((id) => typeof id === 'number' && !Number.isSafeInteger(id)) === true;
}

/**
 * A body without what stands in its first list of ids, up to the first bracket that may end it. All of that is inside the
 * list, so that none of it is a field of the envelope or its data; and it makes up nearly all of a long body.
 */
function withoutList(body: string, key: PacketIdKey): string {
  const [list] = key === 'packetIds' ? (/"packetIds"\s*:\s*\[/.exec(body) ?? []) : [];
  if (list === undefined) return body;
  const begin = body.indexOf(list) + list.length;
  return body.slice(0, begin) + body.slice(body.indexOf(']', begin));
}

function occursTwice(body: string, text: string): boolean {
  const first = body.indexOf(text);
  return first !== -1 && body.indexOf(text, first + text.length) !== -1;
}

/** As `JSON.parse` reads a number, unless that would lose digits of an integer. */
function exactNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) || !/^-?\d{1,400}$/.test(text) ? number : BigInt(text);
}

function readPacketIds(data: unknown, key: PacketIdKey): PacketIds | undefined {
  const given = idsOf(data, key);
  const ids = given?.every(isText) ? given : given?.map(exactText);
  return ids?.every(isText) ? (ids as PacketIds) : undefined;
}

/** What stands where the ids should be; undefined when there is nothing. */
function idsOf(data: unknown, key: PacketIdKey): readonly unknown[] | undefined {
  if (!isRecord(data)) return undefined;
  const value = data[key];
  if (key === 'packetId') return [value];
  return Array.isArray(value) && value.length > 0 ? value : undefined;
}

/** An id, documented as a string (docs/mimc-api.md §8); an integer is taken as its exact decimal text. */
export function exactText(id: unknown): string | undefined {
  if (isText(id)) return id;
  return typeof id === 'bigint' || Number.isSafeInteger(id) ? String(id) : undefined;
}

export function isText(id: unknown): id is string {
  return typeof id === 'string' && id !== '';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What MIMC says, fit for a log. */
function shown(message: string, redact: Redactor): string {
  // Cut twice, as redacting and escaping megabytes takes long.
  return cut(visible(redact(cut(message, 8 * MAX_API_MESSAGE))), MAX_API_MESSAGE);
}
