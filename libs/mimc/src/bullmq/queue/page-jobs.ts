import type { Queue } from 'bullmq';
import type { BroadcastStore, PageRef } from './broadcast-store.js';

/** Jobs leave nothing behind: what became of a page is in the broadcast's own keys, and its id must be free again. */
const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: true } as const;

/**
 * The jobs of BullMQ: one for each page, which it only names. Adding a job that is there already does nothing, so that
 * jobs may be added whenever one could be missing.
 */
export class PageJobs {
  constructor(
    private readonly queue: Queue<PageRef>,
    private readonly store: BroadcastStore,
  ) {}

  async add(pages: readonly PageRef[]): Promise<void> {
    if (pages.length === 0) return;
    await this.queue.addBulk(
      pages.map((data) => {
        const jobId = `${data.id}/${data.page}/${data.run}`;
        return { name: 'page', data, opts: { ...JOB_OPTIONS, jobId } };
      }),
    );
  }

  /** Sees to it that every page of a broadcast that is not settled has its job. */
  async addMissing(id: string): Promise<void> {
    for await (const pages of this.store.openPages(id)) await this.add(pages);
  }
}
