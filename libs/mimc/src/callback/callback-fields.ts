import { isUtf8 } from 'node:buffer';
import { parse } from 'lossless-json';
import { CallbackRefusal } from './refusal.js';

/** The fields of a callback. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * The JSON object in the body of a callback, with every digit of its numbers. A byte order mark is ignored (RFC 8259 §8.1).
 *
 * @throws CallbackRefusal 400 for anything else, including a field that occurs twice with different values
 */
export function parseFields(bytes: Uint8Array): Fields {
  if (!isUtf8(bytes)) throw new CallbackRefusal(400, 'the body must be UTF-8');
  let value: unknown;
  try {
    value = parse(
      Buffer.from(bytes)
        .toString()
        .replace(/^\ufeff/, ''),
      null,
      exactNumber,
    );
  } catch {
    throw new CallbackRefusal(400, 'the body must be JSON');
  }
  return objectOf(value);
}

/**
 * The fields as a body parser of the application parsed them.
 *
 * @throws CallbackRefusal 500 when an integer is beyond 2^53, where `JSON.parse` loses digits
 */
export function parsedFields(value: unknown): Fields {
  const fields = objectOf(value);
  const isSpoilt = Object.values(fields).some((content) => Number.isInteger(content) && !Number.isSafeInteger(content));
  if (isSpoilt) throw spoilt('a body parser of the application dropped digits of an id');
  return fields;
}

/** The callback may be authentic but can no longer be read exactly: MIMC repeats it, and the application has to be fixed. */
export function spoilt(reason: string): CallbackRefusal {
  const what = 'exclude the path of the callbacks from the parser that runs in front of Nest';
  return new CallbackRefusal(500, reason, `${reason}; ${what}`);
}

function objectOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new CallbackRefusal(400, 'the body must be a JSON object');
}

function exactNumber(literal: string): number | bigint {
  const value = Number(literal);
  return Number.isSafeInteger(value) || !/^-?\d{1,40}$/.test(literal) ? value : BigInt(literal);
}

const MAX_ID_LENGTH = 64;

/** An id as exact text: text or an integer (docs/mimc-api.md §4.3). */
export function requiredId(fields: Fields, field: string): string {
  return optionalId(fields, field) ?? refuse(fields, field, 'an id, text or an integer');
}

/** Milliseconds since 1970, as text or a number. */
export function requiredTimestamp(fields: Fields, field: string): number {
  const text = requiredId(fields, field);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return refuse(fields, field, 'milliseconds since 1970');
}

export function requiredText(fields: Fields, field: string): string {
  return optionalText(fields, field) ?? refuse(fields, field, 'text');
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** The bytes of a Base64 text, which may be empty or wrapped in lines as in MIME (RFC 2045 §6.8). */
export function requiredBytes(fields: Fields, field: string): Buffer {
  const value = read(fields, field);
  return typeof value === 'string' && isBase64(value) ? Buffer.from(value, 'base64') : refuse(fields, field, 'Base64');
}

/** White space between groups of four characters is a line break; anywhere else a character may have been lost. */
function isBase64(text: string): boolean {
  const lines = text.trim().split(/\s+/);
  const last = lines.pop() ?? '';
  return BASE64.test(last) && lines.every((line) => line.length % 4 === 0 && BASE64.test(line) && !line.endsWith('='));
}

// A wrong optional field is no reason to refuse a callback: after four refusals MIMC drops the message.

/** An id as {@link requiredId} reads it; undefined when it is absent, empty or anything else. */
export function optionalId(fields: Fields, field: string): string | undefined {
  const value = read(fields, field);
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return String(value);
  const isId = typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
  return isId ? value : undefined;
}

/** A text; undefined when it is absent, empty or anything else. */
export function optionalText(fields: Fields, field: string): string | undefined {
  const value = read(fields, field);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A list of texts; undefined when it is absent or anything else. */
export function optionalTexts(fields: Fields, field: string): readonly string[] | undefined {
  const value = read(fields, field);
  const isList = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  return isList ? [...value] : undefined;
}

/** The value of a field; null counts as absent. */
export function read(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? (fields[field] ?? undefined) : undefined;
}

function refuse(fields: Fields, field: string, what: string): never {
  const isAbsent = (read(fields, field) ?? '') === '';
  throw new CallbackRefusal(400, isAbsent ? `${field} is missing` : `${field} must be ${what}`);
}
