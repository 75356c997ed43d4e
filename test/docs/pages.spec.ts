import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { BLOCKS, writeBlocks } from './support/blocks.js';
import { allPages, readPage } from './support/markdown.js';
import { addTests, isUnderTest, untaken } from './support/scenario.js';
import { originalOf } from './support/translations.js';

// The blocks become files before the scenarios import them.
writeBlocks();
const scenarios = readdirSync(join(import.meta.dirname, 'pages'), { recursive: true, encoding: 'utf8' });
for (const file of scenarios.filter((name) => name.endsWith('.ts')).toSorted()) await import(`./pages/${file}`);
await addTests();
afterAll(() => rmSync(BLOCKS, { recursive: true }));

describe('Code blocks in the pages', () => {
  it('are run by a scenario, all of them', () => {
    expect(untaken()).toEqual([]);
  });

  it('are on pages that have a scenario, or that translate one which has', () => {
    const withCode = allPages().filter((path) => readPage(path).fences.length > 0);
    expect(withCode.filter((path) => !isUnderTest(originalOf(path) ?? path))).toEqual([]);
  });
});
