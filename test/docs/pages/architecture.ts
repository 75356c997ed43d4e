import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../support/markdown.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/architecture.md');

describe('docs/architecture.md', () => {
  // They are drawings, and name files like the rest of the page.
  for (const text of ['errors <- pacing', 'toAccount(dto, options)', 'audience (any iterable)', 'broadcasts.enqueue('])
    page.fence('text', text);

  it('names files that exist', () => {
    const text = readFileSync(join(ROOT, page.path), 'utf8');
    const named = [...text.matchAll(/(?<![\w/.-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|js|mjs)\b/g)].map(([path]) => path);
    const files = ['libs', 'apps', 'test'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => `/${folder}/${file}`),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !files.some((file) => file.endsWith(`/${name}`)))).toEqual([]);
  });
});
