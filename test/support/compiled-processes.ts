import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from './eventually.js';

/** Far more than the compiler takes on a busy machine. */
export const COMPILE_MS = 240_000;

/** Two runs may share a checkout, so each has a folder of its own. */
const COMPILED = resolve('dist/test-processes', String(process.env['TEST_RUN_ID']));

/** Where the compiler puts a source, such as `test/redis/quota-worker.ts`. */
export function compiled(source: string): URL {
  return pathToFileURL(join(COMPILED, source.replace(/\.ts$/, '.js')));
}

/**
 * Compiles the programs that tests run as processes of their own: processes.tsconfig.json lists them. It takes seconds, so
 * of all suites in a run the first one does it and the others wait.
 *
 * @throws Error with what the compiler printed
 */
export async function compileProcesses(): Promise<void> {
  const result = join(COMPILED, 'result');
  if (await isFirst()) {
    await writeFile(`${result}.new`, await compile());
    await rename(`${result}.new`, result);
  }
  let problem = '';
  await eventually(async () => (problem = await readFile(result, 'utf8')), COMPILE_MS);
  if (problem !== '') throw new Error(problem);
}

async function isFirst(): Promise<boolean> {
  await mkdir(dirname(COMPILED), { recursive: true });
  return mkdir(COMPILED).then(
    () => true,
    () => false,
  );
}

/** Returns what went wrong, or nothing. */
async function compile(): Promise<string> {
  const config = join(COMPILED, 'tsconfig.json');
  const extended = resolve('test/support/processes.tsconfig.json');
  await writeFile(config, JSON.stringify({ extends: extended, compilerOptions: { outDir: COMPILED } }));
  const build = ['node_modules/@nestjs/cli/bin/nest.js', 'build', '--path', relative('', config)];
  return promisify(execFile)(process.execPath, build).then(
    () => '',
    ({ message, stdout }: { message: string; stdout: string }) => `${message}\n${stdout}`,
  );
}
