import { setTimeout as sleep } from 'node:timers/promises';
import type { MimcPushQueue, MimcQueuedPush } from 'nestjs-mimc/bullmq';
import { accountOf } from './chaos-audience.js';

/** The audience of single pushes. */
export const SINGLE = 'single';

/** A service that adds one push after the other, each again until Redis has it. */
export class PushStream {
  #added = 0;

  constructor(
    private readonly pushes: MimcPushQueue,
    private readonly everyMs: number,
  ) {}

  get added(): number {
    return this.#added;
  }

  async run(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#add(accountOf(SINGLE, this.#added));
      this.#added += 1;
      await sleep(this.everyMs, undefined, { signal: over }).catch(() => undefined);
    }
  }

  /** What came of each push, in their order. */
  async ends(): Promise<MimcQueuedPush[]> {
    const ends: MimcQueuedPush[] = [];
    for (let index = 0; index < this.#added; index += 1) ends.push(await this.pushes.wait(accountOf(SINGLE, index)));
    return ends;
  }

  async #add(toAccount: string): Promise<void> {
    for (;;) {
      try {
        await this.pushes.toAccount({ toAccount, msg: 'hello' }, { id: toAccount });
        return;
      } catch {
        await sleep(100);
      }
    }
  }
}
