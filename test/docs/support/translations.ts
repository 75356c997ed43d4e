/** Pages in Simplified Chinese, and what they translate. */
export const TRANSLATIONS: Readonly<Record<string, string>> = {
  'README.zh-CN.md': 'README.md',
  'docs/zh/getting-started.md': 'docs/getting-started.md',
};

/** The page that a page translates; undefined when it is an original. */
export function originalOf(path: string): string | undefined {
  return TRANSLATIONS[path];
}
