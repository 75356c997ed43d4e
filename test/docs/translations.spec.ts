import { describe, expect, it } from '@jest/globals';
import { type Page, readPage } from './support/markdown.js';
import { TRANSLATIONS, untranslated } from './support/translations.js';

describe.each(Object.entries(TRANSLATIONS))('%s', (translated, original) => {
  const [translation, source] = [readPage(translated), readPage(original)];

  it('has the code blocks of its original, whose comments are translated too', () => {
    const blocks = ({ fences }: Page) => fences.map((fence) => ({ lang: fence.lang, code: untranslated(fence) }));
    expect(blocks(translation)).toEqual(blocks(source));
  });

  it('has the headings of its original, in their order', () => {
    const levels = ({ headings }: Page) => headings.map(({ level }) => level);
    expect(levels(translation)).toEqual(levels(source));
    expect(new Set(translation.headings.map(({ text }) => text)).size).toBe(source.headings.length);
  });

  it('has the rows of its tables, with the same code in the first column', () => {
    const rows = ({ tables }: Page) => tables.map((table) => table.map(([cell = '']) => cell.match(/`[^`]+`/g)));
    expect(rows(translation)).toEqual(rows(source));
  });
});
