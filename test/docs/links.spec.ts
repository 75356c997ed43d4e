import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { allPages, isFile, type Link, parsePage, readPage } from './support/markdown.js';

describe('Links in the pages', () => {
  it.each(allPages())('of %s lead to files and headings that exist', (path) => {
    expect(readPage(path).links.flatMap((link) => trouble(path, link))).toEqual([]);
  });

  it('of the site stay inside docs/, as it is built from that folder only', () => {
    const outside = allPages()
      .filter((path) => path.startsWith('docs/'))
      .flatMap((path) => readPage(path).links.map(({ target }) => ({ path, target })))
      .filter(({ path, target }) => !isExternal(target) && !fileOf(path, target).startsWith('docs/'));
    expect(outside).toEqual([]);
  });
});

describe('The reading of Markdown in these tests', () => {
  const page = parsePage('docs/x.md', '# A `b` c?\n\n[x](#a-b-c) `[y](z)`\n\n```ts\n# no [z](q)\n```\n\n# A `b` c?\n');

  it('finds headings with the anchors of GitHub, and links outside code', () => {
    expect(page.headings.map(({ anchor }) => anchor)).toEqual(['a-b-c', 'a-b-c-1']);
    expect(page.links).toEqual([{ line: 3, target: '#a-b-c' }]);
    expect(page.fences).toEqual([{ page: 'docs/x.md', line: 5, lang: 'ts', code: '# no [z](q)' }]);
  });

  it('finds what is wrong with a link', () => {
    expect(trouble('README.md', { line: 1, target: 'docs/none.md' })).toEqual(['1: docs/none.md: no such file']);
    expect(trouble('README.md', { line: 1, target: '#none' })).toEqual(['1: #none: no such heading']);
    expect(trouble('README.md', { line: 1, target: 'docs/quota.md#lanes' })).toEqual([]);
  });
});

function trouble(path: string, { line, target }: Link): string[] {
  if (isExternal(target)) return [];
  const [, anchor] = target.split('#', 2);
  const file = fileOf(path, target);
  if (!isFile(file)) return [`${line}: ${target}: no such file`];
  if (anchor === undefined || readPage(file).headings.some((heading) => heading.anchor === anchor)) return [];
  return [`${line}: ${target}: no such heading`];
}

function fileOf(path: string, target: string): string {
  const [file = ''] = decodeURI(target).split('#', 1);
  return file === '' ? path : normalize(join(dirname(path), file));
}

function isExternal(target: string): boolean {
  return /^(https?|mailto):/.test(target);
}
