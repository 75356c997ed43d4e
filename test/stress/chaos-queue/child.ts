import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Halts a process until its own standard input ends, at the latest with us: one that is halted could not see that we died. */
const HALT = 'kill -STOP $1; echo halted; read _; kill -CONT $1';

/** A process of ours, which ends with this one: it ends itself when its channel to us closes. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ready: Promise<unknown>;
  #halt: ChildProcess | undefined;
  #isKilled = false;

  constructor(script: URL, settings: object) {
    this.#process = fork(script, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ready = this.#next();
    this.#ready.catch(() => undefined);
  }

  /** Whether it ended, and not by us. */
  get died(): boolean {
    return this.#hasEnded && !this.#isKilled;
  }

  /** Its first message. */
  ready(): Promise<unknown> {
    return this.#ready;
  }

  /** Sends a message that has no answer. */
  tell(message: string): void {
    this.#process.send(message);
  }

  /** Sends a message; resolves with the answer. */
  ask(message: string): Promise<unknown> {
    const answer = this.#next();
    this.#process.send(message);
    return answer;
  }

  /** Halts it, as a machine that is out of breath would; resolves when it stands still. */
  async halt(): Promise<void> {
    const halt = spawn('sh', ['-c', HALT, 'sh', String(this.#process.pid)], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#halt = halt;
    await once(halt.stdout, 'data');
  }

  /** Lets it continue. */
  resume(): void {
    this.#halt?.stdin?.end();
    this.#halt = undefined;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) {
      this.#isKilled = true;
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    this.resume();
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #next(): Promise<unknown> {
    const ended = new AbortController();
    const onExit = () => ended.abort(new Error('The process ended'));
    this.#process.once('exit', onExit);
    try {
      const [message] = (await once(this.#process, 'message', { signal: ended.signal })) as [unknown];
      return message;
    } finally {
      this.#process.off('exit', onExit);
    }
  }
}
