import type { MimcAudience, TopicId } from '../../index.js';
import { AudiencePages } from './audience-pages.js';
import type { BroadcastStore, Enqueueing, PageRef, Written } from './broadcast-store.js';
import { closed, otherAudience, shorter, takenOver } from './enqueue-checks.js';
import type { PageJobs } from './page-jobs.js';

/** Pages whose jobs are added at a time. */
const PAGES_AT_A_TIME = 16;

/** Writes an audience to Redis, page by page, and adds the jobs of its pages. */
export class AudienceWriter {
  constructor(
    private readonly store: BroadcastStore,
    private readonly jobs: PageJobs,
    private readonly isClosing: () => boolean,
  ) {}

  /** Writes what comes from an offset on, and marks the audience as complete. */
  async write(
    enqueueing: Enqueueing,
    audience: MimcAudience<string> | MimcAudience<TopicId>,
    from: number,
    chunkSize: number,
  ): Promise<void> {
    const { id } = enqueueing;
    const audiencePages = new AudiencePages(enqueueing.kind, audience, from, chunkSize);
    let pages: PageRef[] = [];
    for await (const page of audiencePages) {
      if (this.isClosing()) throw closed(id);
      if (!isStillOurs(id, await this.store.append(enqueueing, page), page.to)) return;
      if (page.chunks.length > 0) pages.push({ id, page: page.from, run: '0' });
      if (pages.length < PAGES_AT_A_TIME) continue;
      await this.jobs.add(pages);
      pages = [];
    }
    await this.jobs.add(pages);
    const { read } = audiencePages;
    if (read < from) throw shorter(id, read, from);
    isStillOurs(id, await this.store.seal(enqueueing, read), read);
  }
}

/** False when there is nothing more to write; throws when somebody else writes, or it is another audience. */
function isStillOurs(id: string, { state, position }: Written, expected: number): boolean {
  if (state === 'cancelled') return false;
  if (state === 'taken') throw takenOver(id);
  if (state === 'gone' || position !== expected) throw otherAudience(id);
  return true;
}
