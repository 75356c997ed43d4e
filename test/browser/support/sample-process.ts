import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const MAIN = 'dist/apps/console/src/main.js';

/**
 * Runs the sample next to a shell that holds our pipe: when this process dies, however it dies, the shell reads the end of it
 * and ends the sample by its pid.
 */
const GUARDED = `exec 3<&0
node "$@" & sample=$!
{ read _ <&3; kill -9 $sample; } & guard=$!
echo "pid $sample"
wait $sample
kill $guard`;

/** The built sample API as a process of its own, on a free port. */
export interface SampleProcess {
  readonly url: string;
  /** What it printed so far. */
  readonly output: readonly string[];
  stop(): Promise<void>;
}

/** Starts it with these variables, and none of the tests' own that would change what it is. */
export async function startSample(variables: Record<string, string> = {}): Promise<SampleProcess> {
  const { PATH = '' } = process.env;
  const shell = spawn('sh', ['-c', GUARDED, 'sh', MAIN], {
    env: { PATH, NO_COLOR: '1', PORT: '0', ...variables },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const output: string[] = [];
  const { pid, url } = await announced(shell, output);
  return {
    url,
    output,
    async stop() {
      if (shell.exitCode !== null || shell.signalCode !== null) return;
      const ended = once(shell, 'exit');
      process.kill(pid, 'SIGTERM');
      await ended;
    },
  };
}

/** Where it listens, once it says so. */
function announced(shell: ChildProcess, output: string[]): Promise<{ pid: number; url: string }> {
  const { stdout } = shell;
  if (stdout === null) throw new Error('The sample has no output');
  return new Promise((resolve, reject) => {
    let pid = 0;
    shell.once('exit', () => reject(new Error(`The sample does not start:\n${output.join('\n')}`)));
    createInterface(stdout).on('line', (line) => {
      output.push(line);
      pid ||= Number(/^pid (\d+)$/.exec(line)?.[1] ?? 0);
      const port = /http:\/\/localhost:(\d+)/.exec(line)?.[1];
      if (pid !== 0 && port !== undefined) resolve({ pid, url: `http://127.0.0.1:${port}` });
    });
  });
}
