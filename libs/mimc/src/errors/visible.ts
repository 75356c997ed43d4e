/**
 * Controls, line and paragraph separators, lone surrogates, bidirectional controls and everything else that is not drawn
 * (`Default_Ignorable_Code_Point` of Unicode: zero-width characters, fillers, tags, variation selectors), and the blank
 * Braille pattern.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * Escapes what a reader would not see in a text from outside, as JavaScript would write it: `\n`, `\u202e`, `\u{e0001}`. It can
 * then neither forge a line of a log nor steer a terminal nor reorder the words around it.
 */
export function visible(text: string): string {
  return text.replace(INVISIBLE, escape);
}

function escape(char: string): string {
  if (char === '\n') return String.raw`\n`;
  if (char === '\r') return String.raw`\r`;
  if (char === '\t') return String.raw`\t`;
  const hex = (char.codePointAt(0) ?? 0).toString(16);
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}

/** At most `length` UTF-16 units of `text`, without half a surrogate pair at the end. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

/** What kind of error foreign code threw, in a form that can stand in a text: its name if it looks like one. */
export function errorName(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error;
    const name: unknown = error.name;
    return typeof name === 'string' && /^[\w.-]{1,60}$/.test(name) ? name : 'Error';
  } catch {
    // A revoked proxy, or a getter that throws.
    return 'Error';
  }
}
