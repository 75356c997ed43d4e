import { describe, expect, it } from '@jest/globals';
import { llmsText } from '../../docs/.vitepress/llms.js';
import { sectionsOf } from '../../docs/.vitepress/sections.js';
import { tokenize } from '../../docs/.vitepress/tokenize.js';
import { translationOrHome } from '../../docs/.vitepress/translation.js';
import { allPages } from './support/markdown.js';
import { originalOf } from './support/translations.js';

describe('The site', () => {
  const inSidebar = (language: 'en' | 'zh') =>
    sectionsOf(language).flatMap(({ pages }) => pages.map(({ file }) => `docs/${file}`));

  it('has every page of docs/ in the sidebar of its language', () => {
    const guides = allPages().filter((path) => path.startsWith('docs/') && !/^docs\/(zh\/)?README\.md$/.test(path));
    const isChinese = (path: string) => originalOf(path) !== undefined;
    expect(inSidebar('en').toSorted()).toEqual(guides.filter((path) => !isChinese(path)).toSorted());
    expect(inSidebar('zh').toSorted()).toEqual(guides.filter(isChinese).toSorted());
  });

  it('calls each page by its heading', () => {
    const titles = sectionsOf('zh').flatMap(({ pages }) => pages.map(({ path, title }) => [path, title]));
    expect(titles).toContainEqual(['zh/getting-started', '快速上手']);
    expect(titles.filter(([, title]) => title?.includes('`'))).toEqual([]);
  });

  it('lists every page of the guide, with a sentence about it, in llms.txt', () => {
    const lines = llmsText('/base/').match(/^- \[.+\]\(\/base\/[\w/-]+(?:(?<!\/)\.html|\/)\): \S.+$/gm) ?? [];
    expect(lines).toHaveLength(inSidebar('en').length + inSidebar('zh').length);
  });

  it.each([
    ['/zh/errors.html#a', '/zh/errors.html#a'],
    ['/zh/quota', '/zh/'],
    ['/zh/api/nestjs-mimc/', '/zh/'],
    ['/zh/', '/zh/'],
    ['/quota', '/quota'],
  ])('leads from the switch of languages to a page that is there: %s', (href, target) => {
    expect(translationOrHome(href, '/', ['zh/errors'])).toBe(target);
    expect(translationOrHome(`/base${href}`, '/base/', ['zh/errors'])).toBe(`/base${target}`);
  });
});

describe('The words that its search finds', () => {
  it.each([
    ['an error code, whole and in parts', 'a `MIMC_QUEUE_FULL`', ['a', 'MIMC_QUEUE_FULL', 'MIMC', 'QUEUE', 'FULL']],
    ['Chinese, by neighbouring characters', '轮换凭据，测试', ['轮换', '换凭', '凭据', '测试']],
    ['both in one sentence', '用undici发送', ['用', 'undici', '发送']],
    ['nothing in punctuation', ' ——「」', []],
  ])('%s', (_, text, words) => {
    expect(tokenize(text)).toEqual(words);
  });
});
