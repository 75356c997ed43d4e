import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.js';
import type { QueueAppSettings } from './queue-app.js';

/** The worker processes. */
export class Crew {
  readonly #workers: Child[];
  /** Workers that ended by themselves. */
  deaths = 0;
  readonly #halts = new Set<Promise<void>>();
  #turn = 0;

  constructor(
    private readonly program: URL,
    private readonly settings: QueueAppSettings,
    size: number,
  ) {
    this.#workers = Array.from({ length: size }, () => this.#start());
  }

  /** Resolves when all of them work. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  /** Kills the next one, and starts it again. */
  async kill(): Promise<void> {
    const index = this.#next();
    await this.#end(this.#workers[index]);
    this.#workers[index] = this.#start();
  }

  /** Halts the next one for a time, during which others take its work over. */
  async halt(ms: number): Promise<void> {
    const worker = this.#workers[this.#next()];
    await worker?.halt();
    const halt = sleep(ms).then(() => worker?.resume());
    this.#halts.add(halt);
    void halt.finally(() => this.#halts.delete(halt));
  }

  /** Resolves when nobody is halted any more. */
  async awake(): Promise<void> {
    await Promise.all(this.#halts);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => this.#end(worker)));
  }

  async #end(worker: Child | undefined): Promise<void> {
    if (worker?.died) this.deaths += 1;
    await worker?.kill();
  }

  #next(): number {
    this.#turn += 1;
    return this.#turn % this.#workers.length;
  }

  #start(): Child {
    return new Child(this.program, this.settings);
  }
}
