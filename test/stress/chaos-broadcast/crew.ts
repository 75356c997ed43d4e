import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.js';
import type { QueueAppSettings } from './queue-app.js';

/** The worker processes. */
export class Crew {
  kills = 0;
  freezes = 0;
  readonly #workers: Child[];

  constructor(
    private readonly settings: QueueAppSettings,
    size: number,
  ) {
    this.#workers = Array.from({ length: size }, () => this.#start());
  }

  /**
   * Kills one worker after the other, one every so often, and starts it again. In between it halts another for so long
   * that its work is taken from it, and lets it go on.
   */
  async disturb(everyMs: number, over: AbortSignal): Promise<void> {
    const freezing: Promise<void>[] = [];
    for (let turn = 0; ; turn += 1) {
      // From the moment at which all of them work: on a busy machine a start takes longer than `everyMs`.
      await Promise.all(this.#workers.map((worker) => worker.ready()));
      await sleep(everyMs, undefined, { signal: over }).catch(() => undefined);
      if (over.aborted) break;
      const index = turn % this.#workers.length;
      const other = this.#workers[(turn + 1) % this.#workers.length];
      if (turn % 2 === 1 && other !== undefined) {
        this.freezes += 1;
        freezing.push(other.freeze(2.5 * this.settings.lockMs));
      }
      await this.#workers[index]?.kill();
      this.kills += 1;
      this.#workers[index] = this.#start();
    }
    await Promise.all(freezing);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
  }

  #start(): Child {
    return new Child(new URL('worker-process.js', import.meta.url), this.settings);
  }
}
