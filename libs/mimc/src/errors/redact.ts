/** Removes known secrets from a text that came from outside. */
export type Redactor = (text: string) => string;

const MASK = '[redacted]';

/** A server may cut its echo short: this much of a secret is a secret. */
const PREFIX = 8;

/** Characters that have a name in HTML. */
const ENTITIES: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
  '/': 'sol',
  '+': 'plus',
  '=': 'equals',
};

/**
 * A redactor for these secrets, by value. A server may echo our body inside its own message, so each character matches
 * in every form it can have there: raw, escaped in JSON (`\/`, `\u002f`), URL-encoded once or twice (`%2F`, `%252F`) or
 * as an HTML entity; and so does the beginning of a secret, if it is not too short.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const patterns = [...new Set(secrets)]
    .filter((secret) => secret !== '')
    .map((each) => new RegExp(patternOf(each), 'gu'));
  return (text) =>
    masked(
      text,
      patterns.flatMap((pattern) => rangesOf(text, pattern)),
    );
}

/** From where in a text to where. */
type Range = readonly [number, number];

function rangesOf(text: string, pattern: RegExp): Range[] {
  return Array.from(text.matchAll(pattern), ({ 0: found, index }) => [index, index + found.length]);
}

/** Secrets may share a prefix: where two matches overlap, both are masked completely. */
function masked(text: string, ranges: readonly Range[]): string {
  let shown = '';
  let end = 0;
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (from >= end) shown += text.slice(end, from) + MASK;
    end = Math.max(end, to);
  }
  return shown + text.slice(end);
}

/** Matches the whole secret or, at the least, its first characters. */
function patternOf(secret: string): string {
  // A run of backslashes is one element: one by one they could match in too many ways.
  const elements = (secret.match(/\\+|[^\\]/gu) ?? []).map((part) => (part[0] === '\\' ? anyRun(part) : anyForm(part)));
  const rest = elements.slice(PREFIX).reduceRight((tail, element) => `(?:${element}${tail})?`, '');
  return elements.slice(0, PREFIX).join('') + rest;
}

function anyRun(backslashes: string): string {
  return `(?:\\\\|%(?:25){0,2}5[cC]|&#(?:0{0,6}92|[xX]0{0,6}5[cC]);){${backslashes.length},${backslashes.length * 8}}`;
}

/** A pattern source for one character in any written form; bounded, so that a match takes linear time. */
function anyForm(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const raw = `\\u{${code.toString(16)}}`;
  const json = `\\\\{1,4}u${utf16Units(char)
    .map((unit) => ignoreCase(unit.toString(16).padStart(4, '0')))
    .join('\\\\{1,4}u')}`;
  const url = [...Buffer.from(char)]
    .map((byte) => `%(?:25){0,2}${ignoreCase(byte.toString(16).padStart(2, '0'))}`)
    .join('');
  const entity = ENTITIES[char] === undefined ? '' : `|${ENTITIES[char]}`;
  const html = `&(?:#0{0,6}${code}|#[xX]0{0,6}${ignoreCase(code.toString(16))}${entity});`;
  return `(?:\\\\{0,4}${raw}|${json}|${url}|${html})`;
}

function utf16Units(char: string): number[] {
  return Array.from({ length: char.length }, (_, index) => char.charCodeAt(index));
}

function ignoreCase(hex: string): string {
  return hex.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}
