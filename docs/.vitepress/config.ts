import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { llmsText } from './llms.js';
import { indexPathOf, sectionsOf, sidebarOf } from './sections.js';
import { slugOf } from './slug.js';
import { tokenize } from './tokenize.js';

const entries = [
  'nestjs-mimc',
  'nestjs-mimc/bullmq',
  'nestjs-mimc/callback',
  'nestjs-mimc/opentelemetry',
  'nestjs-mimc/swagger',
  'nestjs-mimc/terminus',
  'nestjs-mimc/testing',
];

/** An entry of the package with its pages in docs/api, which typedoc wrote before. */
function entryItem(entry: string): DefaultTheme.SidebarItem {
  const items = ['classes', 'functions', 'interfaces', 'type-aliases', 'variables'].flatMap((kind) => {
    const folder = join(import.meta.dirname, '../api', entry, kind);
    const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
    return files.map((file) => ({ text: parse(file).name, link: `/api/${entry}/${kind}/${parse(file).name}` }));
  });
  return { text: entry, link: `/api/${entry}/`, collapsed: true, items };
}

const zhSearch = {
  translations: {
    button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
    modal: {
      displayDetails: '显示详情',
      resetButtonTitle: '清除',
      backButtonTitle: '返回',
      noResultsText: '没有结果：',
      footer: { selectText: '选择', navigateText: '切换', closeText: '关闭' },
    },
  },
};

/** The site is made of the Markdown next to this folder and of docs/api, which typedoc writes. Dead links end the build. */
export default defineConfig({
  title: 'nestjs-mimc',
  outDir: '../dist/docs',
  rewrites: indexPathOf,
  // The folder of the server that the site is put into, with slashes around it.
  base: process.env.DOCS_BASE ?? '/',
  markdown: { anchor: { slugify: slugOf } },
  buildEnd: ({ outDir, site }) => writeFileSync(join(outDir, 'llms.txt'), llmsText(site.base)),
  themeConfig: {
    // For the theme: the pages to which the switch of languages may lead.
    translated: sectionsOf('zh').flatMap(({ pages }) => pages.map(({ path }) => path)),
    search: { provider: 'local', options: { locales: { zh: zhSearch }, miniSearch: { options: { tokenize } } } },
  },
  locales: {
    root: {
      label: 'English',
      lang: 'en',
      description: 'A NestJS module that pushes messages through Xiaomi MIMC',
      themeConfig: {
        nav: [
          { text: 'Guide', link: '/getting-started' },
          { text: 'Reference', link: '/api/' },
        ],
        sidebar: { '/': sidebarOf('en'), '/api/': entries.map(entryItem) },
        outline: { level: [2, 3] },
      },
    },
    zh: {
      label: '简体中文',
      lang: 'zh-Hans',
      description: '通过小米即时消息云（MIMC）推送消息的 NestJS 模块',
      themeConfig: {
        nav: [
          { text: '指南', link: '/zh/getting-started' },
          { text: 'API 参考（英文）', link: '/api/' },
        ],
        sidebar: { '/zh/': sidebarOf('zh') },
        outline: { level: [2, 3], label: '本页内容' },
        darkModeSwitchLabel: '外观',
        sidebarMenuLabel: '菜单',
        returnToTopLabel: '回到顶部',
        docFooter: { prev: '上一页', next: '下一页' },
      },
    },
  },
});
