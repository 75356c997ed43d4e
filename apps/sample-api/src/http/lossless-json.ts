import { parse } from 'lossless-json';
import { InvalidBodyException } from '../errors/invalid-body.exception.js';

/** Deeper than any body of this API; what recurses over a body later on can rely on it. */
const MAX_DEPTH = 32;

/**
 * Parses JSON without losing digits: an integer that a number cannot hold becomes a bigint, as the topic ids of MIMC are
 * 64 bits wide (mimc-api.md §8). A field that is given twice with different values is refused.
 *
 * @throws InvalidBodyException
 */
export function parseLosslessJson(bytes: Uint8Array): unknown {
  const value = parseText(decode(bytes));
  checkNesting(value, 1);
  return value;
}

/** Up to 19 digits are exact; a longer integer is no 64-bit one, and as an inexact number it is refused by the rules. */
function parseNumber(text: string): number | bigint {
  const number = Number(text);
  const isWide = /^-?\d{1,19}$/.test(text) && !Number.isSafeInteger(number);
  return isWide ? BigInt(text) : number;
}

/** JSON is UTF-8 (RFC 8259 §8.1); what is not would otherwise turn into replacement characters unseen. */
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
    // The parser recurses: too deep a nesting exhausts its stack before its depth can be checked.
    if (error instanceof RangeError) throw tooDeep();
    throw new InvalidBodyException('isJson', `Invalid JSON${positionIn(error)}`);
  }
}

/** Where the parser stopped. Its message may repeat the body at any length, so only this much of it is shown. */
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
 * `__proto__`, `constructor`, `toString`, …: a careless copy changes a prototype with them, class-transformer drops some
 * without a word, and class-validator takes the others for known fields.
 */
function isInherited(key: string): boolean {
  return key in Object.prototype;
}

function tooDeep(): InvalidBodyException {
  return new InvalidBodyException('maxDepth', `The body must not be nested deeper than ${MAX_DEPTH} levels`);
}
