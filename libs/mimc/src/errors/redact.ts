/** Removes known secrets from a text that came from outside. */
export type Redactor = (text: string) => string;

const MASK = '[redacted]';

/**
 * A redactor for these secrets, by value. A server may echo our body inside its own message, so each character matches
 * in every form it can have there: raw, escaped in JSON (`\/`, `\u002f`), URL-encoded (`%2F`) or as an HTML entity.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const patterns = secrets.filter((secret) => secret !== '').toSorted((a, b) => b.length - a.length);
  if (patterns.length === 0) return (text) => text;
  const anySecret = new RegExp(patterns.map((secret) => Array.from(secret).map(anyForm).join('')).join('|'), 'gu');
  return (text) => text.replace(anySecret, MASK);
}

/** A pattern source for one character in any written form; bounded, so that a match takes linear time. */
function anyForm(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const raw = `\\u{${code.toString(16)}}`;
  const json = `\\\\{1,4}u${utf16Units(char)
    .map((unit) => ignoreCase(unit.toString(16).padStart(4, '0')))
    .join('\\\\{1,4}u')}`;
  const url = [...Buffer.from(char)].map((byte) => `%${ignoreCase(byte.toString(16).padStart(2, '0'))}`).join('');
  const html = `&#(?:0{0,6}${code}|[xX]0{0,6}${ignoreCase(code.toString(16))});`;
  return `(?:\\\\{0,4}${raw}|${json}|${url}|${html})`;
}

function utf16Units(char: string): number[] {
  return Array.from({ length: char.length }, (_, index) => char.charCodeAt(index));
}

function ignoreCase(hex: string): string {
  return hex.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}
