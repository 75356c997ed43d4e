import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';

/** The languages of the site, and the folder of docs/ that each has. */
export const LANGUAGES = { en: '', zh: 'zh/' } as const;

export type Language = keyof typeof LANGUAGES;

const DOCS = join(import.meta.dirname, '..');

const RECIPES = [
  'README',
  'outbox',
  'campaign',
  'local-time',
  'settle-unknown',
  'tenants',
  'wake-phone',
  'rotate-secret',
  'one-redis',
  'redis',
  'bull-board',
  'prometheus',
  'test-controller',
].map((name) => `recipes/${name}`);

/** The guide in the order of its sidebar. */
const SECTIONS: readonly { readonly title: Readonly<Record<Language, string>>; readonly pages: readonly string[] }[] = [
  { title: { en: 'Begin', zh: '入门' }, pages: ['getting-started', 'first-day', 'configuration', 'migrating'] },
  {
    title: { en: 'Push', zh: '推送' },
    pages: ['errors', 'delivery', 'quota', 'broadcast', 'durable-pushes'],
  },
  { title: { en: 'Recipes', zh: '实用方案' }, pages: RECIPES },
  {
    title: { en: 'Accounts and groups', zh: '帐号与群' },
    pages: ['tokens', 'topics', 'callbacks', 'tenants', 'credentials'],
  },
  { title: { en: 'Test and document', zh: '测试与接口文档' }, pages: ['testing', 'swagger'] },
  {
    title: { en: 'Run', zh: '运行' },
    pages: ['processes', 'observability', 'operating', 'security', 'performance'],
  },
  { title: { en: 'MIMC', zh: 'MIMC' }, pages: ['unverified', 'mimc-api'] },
  { title: { en: 'Contribute', zh: '参与开发' }, pages: ['architecture'] },
];

/** A page of the guide. */
export interface GuidePage {
  /** Its path in the site, without a slash in front. The first page of a folder ends with a slash. */
  readonly path: string;
  /** What its heading says before a colon, as plain text. */
  readonly title: string;
  readonly file: string;
}

/** The pages that a language has, by section; a section without any is left out. */
export function sectionsOf(language: Language): { title: string; pages: GuidePage[] }[] {
  return SECTIONS.map(({ title, pages }) => ({
    title: title[language],
    pages: pages.flatMap((name) => pagesOf(language, name)),
  })).filter(({ pages }) => pages.length > 0);
}

export function sidebarOf(language: Language): DefaultTheme.SidebarItem[] {
  return sectionsOf(language).map(({ title, pages }) => ({
    text: title,
    items: pages.map((page) => ({ text: page.title, link: `/${page.path}` })),
  }));
}

/** Returns the page with this name if it exists in the language. */
function pagesOf(language: Language, name: string): GuidePage[] {
  const file = `${LANGUAGES[language]}${name}.md`;
  return existsSync(join(DOCS, file)) ? [{ file, path: pathOf(file), title: titleOf(file) }] : [];
}

/** A README, which GitHub shows with its folder, is the first page of that folder in the site. */
export function indexPathOf(file: string): string {
  return file.replace(/(^|\/)README\.md$/, '$1index.md');
}

/** The path in the site of a file of docs/. */
function pathOf(file: string): string {
  return indexPathOf(file)
    .replace(/\.md$/, '')
    .replace(/(^|\/)index$/, '$1');
}

function titleOf(file: string): string {
  const heading = /^# (.+)$/m.exec(readFileSync(join(DOCS, file), 'utf8'))?.[1] ?? file;
  return (heading.split(/[:：]/, 1)[0] ?? heading).replaceAll('`', '');
}
