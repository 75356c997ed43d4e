import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../../support/eventually.js';

/**
 * What goes wrong behind every caller's back: rejections and exceptions that nobody handled, and warnings such as
 * MaxListenersExceededWarning. Under jest, whose `process` hears of none of them, it stays empty; jest itself fails a test
 * with an unhandled rejection.
 */
export class MishapWatch {
  readonly mishaps: string[] = [];
  readonly #note = (reason: unknown) => void this.mishaps.push(String(reason));
  readonly #events = ['unhandledRejection', 'uncaughtException', 'warning'] as const;

  constructor() {
    for (const event of this.#events) process.on(event, this.#note);
  }

  stop(): void {
    for (const event of this.#events) process.off(event, this.#note);
  }
}

/** Open handles and timers that keep the process alive, by kind. */
export type Resources = ReadonlyMap<string, number>;

export function activeResources(): Resources {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What is open now and was not at the `start`; waits a while for it to close. */
export async function resourcesLeft(start: Resources): Promise<string[]> {
  const extra = () => [...activeResources()].filter(([kind, count]) => count > (start.get(kind) ?? 0));
  const closed = () => {
    if (extra().length > 0) throw new Error('Some are open yet');
  };
  await eventually(closed, 3_000).catch(() => undefined);
  return extra().map(([kind, count]) => `${kind}: ${count}, was ${start.get(kind) ?? 0}`);
}

/** Bytes of the heap that are in use once all garbage is collected. */
export async function heapInUse(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

/** Collects all garbage that there is now. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
