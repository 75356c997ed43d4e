import ts from 'typescript';
import { allPages, type Fence } from './markdown.js';

/** Pages in Simplified Chinese, and what they translate. */
export const TRANSLATIONS: Readonly<Record<string, string>> = Object.fromEntries(
  allPages().flatMap((path) => {
    const original = originalOf(path);
    return original === undefined ? [] : [[path, original]];
  }),
);

/** The page that a page translates; undefined when it is an original. */
export function originalOf(path: string): string | undefined {
  if (path === 'README.zh-CN.md') return 'README.md';
  return path.startsWith('docs/zh/') ? path.replace('/zh/', '/') : undefined;
}

/** What of a block stays as it is in every language: code without its comments; of a drawing the files and error codes. */
export function untranslated({ lang, code }: Fence): string {
  if (lang === 'ts' || lang === 'js') return withoutComments(code);
  if (lang === 'text') return (code.match(/[\w./-]+\.ts\b|MIMC_\w+/g) ?? []).join(' ');
  return code.replaceAll(lang === 'sql' ? /--.*$/gm : /(^|\s)#.*$/gm, '$1');
}

function withoutComments(code: string): string {
  const printer = ts.createPrinter({ removeComments: true });
  return printer.printFile(ts.createSourceFile('block.ts', code, ts.ScriptTarget.Latest));
}
