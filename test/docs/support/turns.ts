/** Turns that make a reader stop, and what to write in their place. */
const TURNS: readonly (readonly [turn: RegExp, better: string])[] = [
  [/(?<!there )\b(?:is|are|was|were) no (?!longer|more|less|later|earlier|other|reason)\b/i, 'is not a …'],
  [/(?<!#)\b(?:tells?|told|telling)\b(?![(:=])/, 'says, reports, shows, identifies'],
  [/\bbeside\b/, 'besides, or next to'],
  [/\bfor ever\b/, 'forever, or without end'],
  [/\bso many\b/, 'this many, or the number itself'],
  [/\bwhoever\b/i, 'say who: every caller that …'],
  [/\b(?:go|goes|going|went) on\b/, 'continues'],
  [/\bmend(?:s|ed|ing)?\b/, 'fix'],
  [/\bof one's own\b/, 'own'],
  [/\b(?:he|him|his)\b/i, 'they, or the name of the role'],
  [/\bas ever\b/, 'as usual'],
  [/\bunder way\b/, 'in flight, or in progress'],
  [/\b(?:is|are|was|were) asked\b(?! for)/, 'say who calls what'],
  [/\b\w-th\b/, 'nth, or each'],
  [/\bhas no JSON form\b|\bgave no permit\b/, 'subject, verb, object'],
  [/\b(?:inside|outside|whole) of\b/, 'inside, outside, all of'],
  [/\bbut for\b/, 'except'],
  [/\bout of reach\b/, 'unreachable, or cannot be reached'],
  [/\bby and by\b/, 'gradually, or later'],
  [/\bin vain\b/, 'without success'],
];

/** The turns in a text, each with its line and what to write in its place. */
export function turnsIn(original: string): string[] {
  const text = unwrapped(original);
  return TURNS.flatMap(([turn, better]) =>
    Array.from(text.matchAll(acrossLines(turn)), ({ 0: found, index }) => {
      const line = original.slice(0, index).split('\n').length;
      return `${line}: "${found.replaceAll(/\s+/g, ' ')}": ${better}`;
    }),
  );
}

/** The text with the marks at the beginning of its comment lines as spaces, so that the offset of a turn holds. */
function unwrapped(text: string): string {
  return text.replaceAll(/\n *(?:\*|\/\/|#)(?!\/)/g, (lineBreak) => ' '.repeat(lineBreak.length));
}

function acrossLines({ source, flags }: RegExp): RegExp {
  return new RegExp(source.replaceAll(' ', String.raw`\s+`), `${flags}g`);
}
