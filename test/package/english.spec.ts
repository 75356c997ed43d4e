import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const SOURCE = join(import.meta.dirname, '../../libs/mimc/src');

/** Turns that make a reader stop, and what to write in their place. */
const TURNS: readonly (readonly [turn: RegExp, better: string])[] = [
  [/(?<!there )\b(?:is|are|was|were) no (?!longer|more|less|later|earlier|other|reason)\b/, 'is not a …'],
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
];

/** The text with the marks at the beginning of its comment lines as spaces, so that the offset of a turn holds. */
function unwrapped(text: string): string {
  return text.replaceAll(/\n *(?:\*|\/\/)(?!\/)/g, (lineBreak) => ' '.repeat(lineBreak.length));
}

/** A turn, found across lines too. */
function everywhere({ source, flags }: RegExp): RegExp {
  return new RegExp(source.replaceAll(' ', String.raw`\s+`), `${flags}g`);
}

function turnsIn(file: string): string[] {
  const original = readFileSync(join(SOURCE, file), 'utf8');
  const text = unwrapped(original);
  return TURNS.flatMap(([turn, better]) =>
    Array.from(text.matchAll(everywhere(turn)), ({ 0: found, index }) => {
      const line = original.slice(0, index).split('\n').length;
      return `${file}:${line} "${found}": ${better}`;
    }),
  );
}

it('the sources of the library are free of turns that make a reader stop', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'),
  );
  expect(files.length).toBeGreaterThan(150);
  expect(files.flatMap(turnsIn)).toEqual([]);
});

it.each([
  ['/** What is no topic id. */', 1],
  ['/** It goes\n   * on. */', 1],
  ['// told so', 1],
  ['/** No limit: there is no longer one. */', 0],
])('such turns are found: %j', (text, count) => {
  expect(TURNS.filter(([turn]) => everywhere(turn).test(unwrapped(text))).length).toBe(count);
});
