import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from './support/markdown.js';
import { turnsIn } from './support/turns.js';

const TEXTS = /\.(?:[cm]?[jt]s|md|html|css|yml)$/;
const FOLDERS = ['.changeset', '.github', 'apps', 'bench', 'docs', 'libs', 'scripts', 'test'];
/** Chinese, generated, and the turns themselves. */
const LEFT_OUT =
  /zh-CN|(?:^|\/)(?:node_modules|dist|api|zh|cache)\/|messages\/zh\.js$|docs\/(?:english\.spec|support\/turns)\.ts$/;
const AT_ROOT = ['.ci/run', '.env.example', 'Dockerfile'];

function texts(): string[] {
  const inFolders = FOLDERS.flatMap((folder) => filesIn(folder).map((file) => join(folder, file)));
  const atRoot = readdirSync(ROOT).filter((file) => TEXTS.test(file));
  return [...AT_ROOT, ...atRoot, ...inFolders.filter((file) => TEXTS.test(file))].filter(
    (file) => !LEFT_OUT.test(file),
  );
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
}

describe('English', () => {
  it('is free of turns that make a reader stop, in sources, tests and pages', () => {
    const files = texts();
    expect(files.length).toBeGreaterThan(400);
    expect(
      files.flatMap((file) => turnsIn(readFileSync(join(ROOT, file), 'utf8')).map((turn) => `${file}:${turn}`)),
    ).toEqual([]);
  });

  it.each([
    ['/** What is no topic id. */', 1],
    ['/** It goes\n   * on. */', 1],
    ['# It was\n# under way.', 1],
    ['// told so', 1],
    ['/** No limit: there is no longer one. There is no other. */', 0],
  ])('is searched for them: %j', (text, count) => {
    expect(turnsIn(text)).toHaveLength(count);
  });
});
