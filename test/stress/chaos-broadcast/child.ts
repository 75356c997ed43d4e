import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process of ours, which ends with this one: it ends itself when its channel to us closes. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ready: Promise<unknown>;

  constructor(script: URL, settings: object) {
    this.#process = fork(script, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ready = this.#next();
    this.#ready.catch(() => undefined);
  }

  /** Its first message. */
  ready(): Promise<unknown> {
    return this.#ready;
  }

  /** Sends a message; resolves with the answer. */
  ask(message: string): Promise<unknown> {
    const answer = this.#next();
    this.#process.send(message);
    return answer;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  /** Halts it for a while, as a machine that is out of breath would. */
  async freeze(ms: number): Promise<void> {
    this.#process.kill('SIGSTOP');
    await sleep(ms);
    this.#process.kill('SIGCONT');
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
