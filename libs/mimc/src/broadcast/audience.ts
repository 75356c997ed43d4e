import { types } from 'node:util';
import type { MimcViolation } from '../errors/mimc-error.js';

const BRAND = Symbol.for('nestjs-mimc.MimcPages');

/** Characters of an invalid entry that are kept. */
const MAX_TEXT = 100;

/** An audience in pages: made by {@link inPages}. */
export interface MimcPages<R> {
  readonly [BRAND]: Iterable<readonly R[]> | AsyncIterable<readonly R[]>;
}

/** Recipients one by one, or in pages by {@link inPages}. Offsets count recipients. */
export type MimcAudience<R> = Iterable<R> | AsyncIterable<R> | MimcPages<R>;

/**
 * An audience whose entries are pages, that is arrays of recipients, as a cursor gives them. They are faster than single
 * recipients. It must be explicit, because rows of a CSV parser and entries of a Map are arrays
 * too: without it, an array in an audience is an invalid recipient.
 *
 * @example
 * const summary = await broadcasts.toAccounts(inPages(cursor), { msg: 'hello' }).drain();
 */
export function inPages<R>(pages: Iterable<readonly R[]> | AsyncIterable<readonly R[]>): MimcPages<R> {
  return { [BRAND]: pages };
}

/** What is read of an audience. */
export interface AudienceSource {
  readonly entries: Iterable<unknown> | AsyncIterable<unknown>;
  readonly isInPages: boolean;
}

export function sourceOf(audience: MimcAudience<unknown>): AudienceSource {
  return BRAND in audience ? { entries: audience[BRAND], isInPages: true } : { entries: audience, isInPages: false };
}

/** What is wrong with an audience, seen before it is read. */
export function violationsOfAudience(audience: unknown): MimcViolation[] {
  try {
    const isPages = typeof audience === 'object' && audience !== null && BRAND in audience;
    return refusalOf(isPages ? audience[BRAND] : audience);
  } catch {
    return refused('isReadable', 'cannot be read: a getter or a proxy threw');
  }
}

function refusalOf(entries: unknown): MimcViolation[] {
  if (typeof entries !== 'object' || entries === null || !isIterable(entries)) {
    return refused('isIterable', 'must be an iterable or an async iterable');
  }
  if (types.isMap(entries)) return refused('isIterable', 'must not be a Map: pass its keys() or values()');
  // Both are iterable, by characters and by bytes, which could even be ids of groups.
  if (types.isStringObject(entries) || ArrayBuffer.isView(entries)) {
    return refused('isIterable', 'must be an iterable of recipients, not of characters or bytes');
  }
  return isByteStream(entries) ? refused('isObjectStream', 'must not be a byte stream: read it line by line') : [];
}

function isIterable(value: object): boolean {
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >;
  return typeof sync === 'function' || typeof async === 'function';
}

/** A stream of Node.js gives text in pieces that end anywhere, unless it is one of objects. */
function isByteStream(value: object): boolean {
  return 'pipe' in value && 'readableObjectMode' in value && value.readableObjectMode === false;
}

function refused(rule: string, must: string): MimcViolation[] {
  return [{ field: 'audience', rule, message: `audience ${must}` }];
}

/** An entry that is not a recipient, as short text. */
export function textOf(entry: unknown): string {
  const text = typeof entry === 'object' && entry !== null ? 'an object' : String(entry);
  return text.slice(0, MAX_TEXT);
}
