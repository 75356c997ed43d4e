import { ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A run that takes longer hangs. */
const LONGEST_MS = 300_000;

/**
 * Starts a module of this directory in a process of its own. Each ends by itself when its channel to this process closes,
 * so that none outlives a crash or Ctrl-C.
 */
export function start(module: string, args: readonly string[] = [], options: ForkOptions = {}): ChildProcess {
  return fork(fileURLToPath(new URL(module, import.meta.url)), args, options);
}

/** Runs a module in a fresh process and returns what it reports. */
export async function run<T>(module: string, args: readonly unknown[], execArgv: string[] = []): Promise<T> {
  const child = start(module, args.map(String), { execArgv, timeout: LONGEST_MS });
  const ended = once(child, 'exit');
  const message = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (message === undefined) throw new Error(`${module} ${args.join(' ')} ended without a report`);
  await ended;
  return message[0] as T;
}

/** Called in such a process: reports, and ends it. */
export function report(value: unknown): void {
  process.send?.(value, () => process.exit());
}
