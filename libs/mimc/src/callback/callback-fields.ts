import { isUtf8 } from 'node:buffer';
import { parse } from 'lossless-json';
import { CallbackRefusal } from './refusal.js';

/** The fields of a callback. */
export type Fields = Readonly<Record<string, unknown>>;

/** A JSON object of a callback, with every digit of its numbers; one that names a field twice with two values is none. */
export function parseFields(bytes: Uint8Array): Fields {
  if (!isUtf8(bytes)) throw new CallbackRefusal(400, 'the body must be UTF-8');
  let value: unknown;
  try {
    value = parse(Buffer.from(bytes).toString(), null, exactNumber);
  } catch {
    throw new CallbackRefusal(400, 'the body must be JSON');
  }
  return objectOf(value);
}

/**
 * The fields that a body parser of the application has read.
 *
 * @throws CallbackRefusal 500 when an integer was beyond 2^53, which `JSON.parse` changes
 */
export function parsedFields(value: unknown): Fields {
  const fields = objectOf(value);
  const isSpoilt = Object.values(fields).some((content) => Number.isInteger(content) && !Number.isSafeInteger(content));
  if (isSpoilt) throw spoilt('an id lost digits in a body parser of the application');
  return fields;
}

/** The callback may be right, but cannot be used any more: MIMC is to repeat it, and somebody to change the application. */
export function spoilt(reason: string): CallbackRefusal {
  const what = 'keep the parser that runs in front of Nest from the path of the callbacks';
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
  return optionalId(fields, field) ?? missing(field);
}

/** As {@link requiredId}, undefined when it is not there. */
export function optionalId(fields: Fields, field: string): string | undefined {
  const value = read(fields, field);
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string' && value.length <= MAX_ID_LENGTH) return value;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return String(value);
  return wrong(field, 'an id, text or an integer');
}

/** Milliseconds since 1970, as text or a number. */
export function requiredTimestamp(fields: Fields, field: string): number {
  const text = requiredId(fields, field);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return wrong(field, 'milliseconds since 1970');
}

export function requiredText(fields: Fields, field: string): string {
  return optionalText(fields, field) ?? missing(field);
}

/** Empty counts as absent. */
export function optionalText(fields: Fields, field: string): string | undefined {
  const value = read(fields, field);
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' ? value : wrong(field, 'text');
}

export function optionalTexts(fields: Fields, field: string): readonly string[] | undefined {
  const value = read(fields, field);
  if (value === undefined) return undefined;
  const isList = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  return isList ? value : wrong(field, 'a list of texts');
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** The bytes of a Base64 text, which may be empty. */
export function requiredBytes(fields: Fields, field: string): Buffer {
  const value = read(fields, field);
  if (value === undefined) return missing(field);
  return typeof value === 'string' && BASE64.test(value) ? Buffer.from(value, 'base64') : wrong(field, 'Base64');
}

/** What is null is not there. */
export function read(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? (fields[field] ?? undefined) : undefined;
}

function missing(field: string): never {
  throw new CallbackRefusal(400, `${field} is missing`);
}

function wrong(field: string, what: string): never {
  throw new CallbackRefusal(400, `${field} must be ${what}`);
}
