import type { BroadcastStore } from './broadcast-store.js';
import type { PageJobs } from './page-jobs.js';

/**
 * Gives jobs to pages that have none: their producer died between writing a page and adding its job, or somebody removed
 * a job from BullMQ. Looks only at broadcasts that did not move since the last time.
 */
export class Sweep {
  readonly #timer: NodeJS.Timeout;
  #seen = new Map<string, string>();
  #isSweeping = false;

  constructor(
    private readonly store: BroadcastStore,
    private readonly jobs: PageJobs,
    everyMs: number,
  ) {
    this.#timer = setInterval(() => void this.#sweep(), everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      const seen = new Map<string, string>();
      for (const id of await this.store.active()) {
        const broadcast = await this.store.get(id);
        if (broadcast === undefined || broadcast.ended || broadcast.state === 'paused') continue;
        const counts = JSON.stringify(broadcast.counts);
        seen.set(id, counts);
        if (this.#seen.get(id) === counts) await this.jobs.addMissing(id);
      }
      this.#seen = seen;
    } catch {
      // Redis is away or closed; the next sweep will see.
    } finally {
      this.#isSweeping = false;
    }
  }
}
