import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allPages, type Fence, readPage, ROOT } from './markdown.js';

/** Where the blocks of the pages become files: `<page>/<file>`. Ignored by git. */
export const BLOCKS = join(ROOT, 'test/docs/.blocks');

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
const TSCONFIG = { extends: '../../../tsconfig.json', compilerOptions: { noEmit: true, rootDir: '../../..' } };

/** The file that a block of TypeScript names in its first line, `// src/app.module.ts`; undefined when it names none. */
export function fileNameOf({ code }: Fence): string | undefined {
  return /^\/\/ ([\w./-]+\.ts)$/m.exec(code.split('\n', 1)[0] ?? '')?.[1];
}

/** Where a block of TypeScript is written. */
export function blockFile(fence: Fence): string {
  const folder = fence.page.replace(/\.md$/, '').replaceAll('/', '-');
  return join(BLOCKS, folder, fileNameOf(fence) ?? `line-${fence.line}.ts`);
}

/** Writes every block of TypeScript of every page, and nothing else, into BLOCKS. */
export function writeBlocks(): Fence[] {
  rmSync(BLOCKS, { recursive: true, force: true });
  mkdirSync(BLOCKS, { recursive: true });
  const fences = allPages().flatMap((path) => readPage(path).fences.filter(({ lang }) => lang === 'ts'));
  for (const fence of fences) {
    const file = blockFile(fence);
    mkdirSync(dirname(file), { recursive: true });
    // 'wx': two blocks of a page with one name would hide one another.
    writeFileSync(file, `${fence.code}\n`, { flag: 'wx' });
  }
  writeFileSync(join(BLOCKS, 'globals.d.ts'), GLOBALS);
  writeFileSync(join(BLOCKS, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, include: ['**/*.ts'] }));
  return fences;
}
