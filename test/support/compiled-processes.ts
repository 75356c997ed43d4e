import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from './eventually.js';

/** Far more than the compiler takes on a busy machine. */
export const COMPILE_MS = 240_000;

const COMPILED = resolve('dist/test-processes');

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
  const run = join(COMPILED, 'runs', String(process.env['TEST_RUN_ID']));
  const result = join(run, 'result');
  if (await isFirst(run)) {
    await writeFile(`${result}.new`, await compile());
    await rename(`${result}.new`, result);
  }
  let problem = '';
  await eventually(async () => (problem = await readFile(result, 'utf8')), COMPILE_MS);
  if (problem !== '') throw new Error(problem);
}

async function isFirst(run: string): Promise<boolean> {
  await mkdir(join(COMPILED, 'runs'), { recursive: true });
  return mkdir(run).then(
    () => true,
    () => false,
  );
}

/** Returns what went wrong, or nothing. */
async function compile(): Promise<string> {
  const nest = 'node_modules/@nestjs/cli/bin/nest.js';
  const build = [nest, 'build', '--path', 'test/support/processes.tsconfig.json'];
  return promisify(execFile)(process.execPath, build).then(
    () => '',
    ({ message, stdout }: { message: string; stdout: string }) => `${message}\n${stdout}`,
  );
}
