import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fence } from './markdown.js';

/** Where and with what a command runs, in addition to what this process has. */
export interface ShellOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command of a session in a page, and what it printed. */
export interface Shown {
  readonly command: string;
  readonly output: string;
}

/** A shell that runs in a process group of its own. */
export class Shell {
  /** What it wrote, to either stream. */
  output = '';
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(script: string, { cwd, env }: ShellOptions = {}) {
    this.#child = spawn('bash', ['-c', script], {
      ...(cwd !== undefined && { cwd }),
      env: { ...cleanEnv(), ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** Waits until it has written `text`. */
  async until(text: string, withinMs = 240_000): Promise<void> {
    for (const end = performance.now() + withinMs; !this.output.includes(text); await sleep(20)) {
      if (performance.now() > end || this.#child.exitCode !== null) {
        throw new Error(`It has not written ${JSON.stringify(text)}:\n${this.output}`);
      }
    }
  }

  /** Sends a signal to all of its processes, as Ctrl+C in a terminal does. */
  signal(name: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, name);
    } catch {
      // It has ended already.
    }
  }

  /** Ends it, if it runs. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const late = setTimeout(() => this.signal('SIGKILL'), 5_000);
    await this.ended;
    clearTimeout(late);
  }
}

/** What a script writes; it must end with 0. */
export async function run(script: string, options?: ShellOptions): Promise<string> {
  const shell = new Shell(script, options);
  const code = await shell.ended;
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${shell.output}`);
  return shell.output;
}

/** The commands of a block, each after a `$`, with what stands under it. */
export function session({ code }: Fence): Shown[] {
  const parts = code.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [command = '', ...output] = part.split('\n');
    return { command, output: output.join('\n').trim() };
  });
}

/** Runs each command of a session, with `swap` for hosts and ports: what is printed, and what is shown, steady both. */
export async function replay(fence: Fence, swap: (command: string) => string, options?: ShellOptions) {
  const printed: string[] = [];
  for (const { command } of session(fence)) printed.push(steady((await run(swap(command), options)).trim()));
  return { printed, shown: session(fence).map(({ output }) => steady(output)) };
}

/** A text without what differs from run to run: ids and times. */
export function steady(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/\b[0-9a-f]{10,}-\d+\b/g, '<packetId>')
    .replaceAll(/"(queuedMs|networkMs|backoffMs)":[\d.]+/g, '"$1":<ms>');
}

/** The environment without what would change the programs under test. */
function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(MIMC_|SAMPLE_|PORT$|REDIS_URL$|NODE_ENV$|NODE_OPTIONS$)/.test(name),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}
