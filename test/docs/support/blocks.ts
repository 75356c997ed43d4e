import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allPages, type Fence, readPage, ROOT } from './markdown.js';
import { originalOf } from './translations.js';

/** Where the blocks of the pages become files: `<page>/<file>`. Ignored by git; one for each process that runs tests. */
export const BLOCKS = join(ROOT, 'test/docs/.blocks', process.env['JEST_WORKER_ID'] ?? '0');

/** Tests in the pages are written for runners with globals. */
const GLOBALS = `import type * as jest from '@jest/globals';
declare global {
  const describe: typeof jest.describe;
  const it: typeof jest.it;
  const expect: typeof jest.expect;
  const beforeEach: typeof jest.beforeEach;
  const afterEach: typeof jest.afterEach;
}
`;

/** The compiler options of the project, on the blocks only. */
const TSCONFIG = { extends: '../../../../tsconfig.json', compilerOptions: { noEmit: true, rootDir: '../../../..' } };

/** The file that a block of TypeScript names in its first line, `// src/app.module.ts`; undefined when it names none. */
export function fileNameOf({ code }: Fence): string | undefined {
  return /^\/\/ ([\w./-]+\.ts)$/m.exec(code.split('\n', 1)[0] ?? '')?.[1];
}

/** The folder with the blocks of a page. */
export function folderOf(page: string): string {
  return join(BLOCKS, page.replace(/\.md$/, '').replaceAll('/', '-'));
}

/** Where a block of TypeScript is written. */
export function blockFile(fence: Fence): string {
  return join(folderOf(fence.page), fileNameOf(fence) ?? `line-${fence.line}.ts`);
}

/** Writes every block of TypeScript of every page into BLOCKS, except translations, whose blocks are the same. */
export function writeBlocks(): Fence[] {
  rmSync(BLOCKS, { recursive: true, force: true });
  mkdirSync(BLOCKS, { recursive: true });
  newApplication('docs/getting-started.md');
  const originals = allPages().filter((path) => originalOf(path) === undefined);
  const fences = originals.flatMap((path) => readPage(path).fences.filter(({ lang }) => lang === 'ts'));
  const files = new Set(fences.map(blockFile));
  if (files.size < fences.length) throw new Error('Two blocks of a page have the same name');
  for (const fence of fences) {
    mkdirSync(dirname(blockFile(fence)), { recursive: true });
    writeFileSync(blockFile(fence), `${fence.code}\n`);
  }
  writeFileSync(join(BLOCKS, 'globals.d.ts'), GLOBALS);
  writeFileSync(join(BLOCKS, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, include: ['**/*.ts'] }));
  return fences;
}

/** What `nest new` makes, for a page that begins with it. Its Vitest, which is not installed here, is left out. */
function newApplication(page: string): void {
  const folder = folderOf(page);
  const flags = [
    '--skip-install',
    '--skip-git',
    '--package-manager',
    'npm',
    '--directory',
    folder.slice(BLOCKS.length + 1),
  ];
  execFileSync(join(ROOT, 'node_modules/.bin/nest'), ['new', 'shop', ...flags], { cwd: BLOCKS, stdio: 'ignore' });
  for (const name of ['test', 'vitest.config.ts', 'vitest.config.e2e.ts']) {
    rmSync(join(folder, name), { recursive: true });
  }
  const tsconfig = join(folder, 'tsconfig.json');
  writeFileSync(tsconfig, readFileSync(tsconfig, 'utf8').replace('"vitest/globals", ', ''));
}
