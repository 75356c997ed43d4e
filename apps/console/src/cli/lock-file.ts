import { rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { UsageError } from './cli-args.js';
import { systemCode } from './system-error.js';

/**
 * Runs `action` while holding a lock file with the id of this process; two runs at once would both send to every recipient.
 *
 * @throws UsageError when the file exists already, or cannot be written
 */
export async function withLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  await writeFile(path, `${process.pid}\n`, { flag: 'wx' }).catch(async (error: unknown) => {
    throw await refusal(path, error);
  });
  const remove = () => rmSync(path, { force: true });
  // A second Ctrl-C ends the process before any `finally`.
  process.once('exit', remove);
  try {
    return await action();
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function refusal(path: string, error: unknown): Promise<unknown> {
  const code = systemCode(error);
  if (code !== 'EEXIST') return code === undefined ? error : new UsageError(`Cannot write ${path} (${code})`);
  const pid = (await readFile(path, 'utf8').catch(() => '')).trim() || 'unknown';
  return new UsageError(
    `Another run (process ${pid}) holds ${path}; remove that file if that process no longer exists`,
  );
}
