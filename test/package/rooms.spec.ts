import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from '@jest/globals';

const SOURCE = join(import.meta.dirname, '../../libs/mimc/src');

/** The rooms of the core from the ground up: each may use what is below it. */
const CORE = [
  'errors',
  'pacing',
  'validation',
  'transport',
  'delivery',
  'push',
  'accounts',
  'topics',
  'broadcast',
  'module',
];

/** What an entry may use besides its own files. */
const DOORS = new Set(['index.ts', 'internals.ts', 'peers.cts']);

const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.c?ts$/.test(file) && !file.endsWith('.spec.ts'),
);
const roomOf = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '');

function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const found = text.matchAll(/\bfrom '(\.[^']+)'/g);
  return [...found].map(([, path = '']) =>
    relative(SOURCE, join(SOURCE, dirname(file), path)).replace(/\.(c?)js$/, '.$1ts'),
  );
}

function isAllowed(file: string, target: string): boolean {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === to || from === '') return true;
  if (!CORE.includes(from)) return DOORS.has(target);
  return CORE.includes(to) ? CORE.indexOf(to) < CORE.indexOf(from) : target === 'peers.cts';
}

it('the rooms of the library use each other in one direction only', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => !isAllowed(file, target))
      .map((target) => `${file} uses ${target}`),
  );
  expect(sources.length).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});
