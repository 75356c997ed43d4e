import { parse } from 'lossless-json';
import { InvalidBodyException } from '../errors/invalid-body.exception.js';

/** Deeper than any valid body; code that recurses over a body relies on it. */
const MAX_DEPTH = 32;

/**
 * Parses JSON without losing digits: an integer that a number cannot hold becomes a bigint, because MIMC's topic ids
 * are 64 bits wide (mimc-api.md §8). A field that is given twice with different values is refused.
 *
 * @throws InvalidBodyException
 */
export function parseLosslessJson(bytes: Uint8Array): unknown {
  const value = parseText(decode(bytes));
  checkNesting(value, 1);
  return value;
}

/** Up to 19 digits are exact; a longer integer does not fit 64 bits, and the rules refuse it as an inexact number. */
function parseNumber(text: string): number | bigint {
  const number = Number(text);
  const isWide = /^-?\d{1,19}$/.test(text) && !Number.isSafeInteger(number);
  return isWide ? BigInt(text) : number;
}

/** JSON is UTF-8 (RFC 8259 §8.1); other bytes would silently turn into replacement characters. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InvalidBodyException('isUtf8', 'The body must be UTF-8');
  }
}

function parseText(text: string): unknown {
  try {
    return parse(text, undefined, { parseNumber, onDuplicateKey: refuseDuplicate });
  } catch (error) {
    if (error instanceof InvalidBodyException) throw error;
    // The parser recurses: deep nesting exhausts its stack before the depth can be checked.
    if (error instanceof RangeError) throw tooDeep();
    throw new InvalidBodyException('isJson', `Invalid JSON${positionIn(error)}`);
  }
}

/** Where the parser stopped. The rest of its message may repeat the body, so it is not shown. */
function positionIn(error: unknown): string {
  const position = error instanceof Error ? /at position \d+$/.exec(error.message) : null;
  return position ? ` ${position[0]}` : '';
}

function refuseDuplicate({ position }: { position: number }): never {
  throw new InvalidBodyException('isUniqueKey', `Duplicate field at position ${position}`);
}

function checkNesting(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw tooDeep();
  for (const [key, child] of Object.entries(value)) {
    if (isInherited(key)) throw new InvalidBodyException('isOwnKey', `The body must not name a field ${key}`);
    checkNesting(child, depth + 1);
  }
}

/**
 * `__proto__`, `constructor`, `toString`, …: a careless copy can change a prototype with them, class-transformer silently
 * drops some, and class-validator mistakes the others for known fields.
 */
function isInherited(key: string): boolean {
  return key in Object.prototype;
}

function tooDeep(): InvalidBodyException {
  return new InvalidBodyException('maxDepth', `The body must not be nested deeper than ${MAX_DEPTH} levels`);
}
