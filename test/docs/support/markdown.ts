import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slugOf } from '../../../docs/.vitepress/slug.js';

/** The root of the repository; paths of pages are relative to it. */
export const ROOT = join(import.meta.dirname, '../../..');

/** A fenced code block. */
export interface Fence {
  readonly page: string;
  /** Counted from 1, of the line that opens it. */
  readonly line: number;
  readonly lang: string;
  readonly code: string;
}

export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly anchor: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

/** A Markdown file, as far as tests look at it. */
export interface Page {
  readonly path: string;
  readonly fences: readonly Fence[];
  readonly headings: readonly Heading[];
  readonly links: readonly Link[];
  /** The cells of each table, head and body, without the line between them; backslashes before bars removed. */
  readonly tables: readonly (readonly (readonly string[])[])[];
}

/** Every page that people read, except those that typedoc writes. */
export function allPages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !/^(api|\.vitepress)\//.test(file))
    .map((file) => join('docs', file));
  const atRoot = readdirSync(ROOT).filter((file) => file.endsWith('.md'));
  const ofApps = readdirSync(join(ROOT, 'apps')).map((app) => join('apps', app, 'README.md'));
  return [...atRoot, ...docs, ...ofApps].toSorted();
}

export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(ROOT, path), 'utf8'));
}

export function parsePage(path: string, text: string): Page {
  const { fences, prose } = split(path, text.split('\n'));
  return { path, fences, headings: headingsOf(prose), links: linksOf(prose), tables: tablesOf(prose) };
}

/** Whether a file of the repository is there; generated ones are not. */
export function isFile(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** Takes the fences out; lines of the prose keep their numbers, those of fences are empty. */
function split(page: string, lines: readonly string[]): { fences: Fence[]; prose: string[] } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { mark: string; indent: number; line: number; lang: string; code: string[] } | undefined;
  for (const [index, line] of lines.entries()) {
    const [, indent = '', mark = '', info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined && mark !== '') {
      open = { mark, indent: indent.length, line: index + 1, lang: info.trim().split(' ', 1)[0] ?? '', code: [] };
    } else if (open !== undefined && mark.startsWith(open.mark) && info.trim() === '') {
      fences.push({ page, line: open.line, lang: open.lang, code: open.code.join('\n') });
      open = undefined;
    } else if (open !== undefined) {
      open.code.push(line.slice(open.indent));
    }
    prose.push(open !== undefined || mark !== '' ? '' : line);
  }
  if (open !== undefined) throw new Error(`${page}:${open.line}: the code block has no end`);
  return { fences, prose };
}

function headingsOf(prose: readonly string[]): Heading[] {
  const seen = new Map<string, number>();
  return prose.flatMap((line) => {
    const [, marks, text] = /^(#{1,6}) +(.+?) *$/.exec(line) ?? [];
    if (marks === undefined || text === undefined) return [];
    const slug = slugOf(text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return [{ level: marks.length, text, anchor: before === 0 ? slug : `${slug}-${before}` }];
  });
}

function linksOf(prose: readonly string[]): Link[] {
  return prose.flatMap((line, index) => {
    const withoutCode = line.replaceAll(/`[^`]*`/g, 'code');
    const targets = [
      ...withoutCode.matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g),
      ...withoutCode.matchAll(/^\[[^\]]+\]: *(\S+)/g),
      ...withoutCode.matchAll(/<(?:a|img)\b[^>]*\b(?:href|src)="([^"]+)"/g),
    ];
    return targets.map(([, target = '']) => ({ line: index + 1, target }));
  });
}

function tablesOf(prose: readonly string[]): string[][][] {
  const tables: string[][][] = [];
  for (const [index, line] of prose.entries()) {
    if (!line.startsWith('|')) continue;
    if (!prose[index - 1]?.startsWith('|')) tables.push([]);
    if (/^[|\s:-]+$/.test(line) && line.includes('---')) continue;
    tables.at(-1)?.push(cellsOf(line));
  }
  return tables;
}

function cellsOf(line: string): string[] {
  const cells = line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim().replaceAll(String.raw`\|`, '|'));
}
