import type { Rule } from '../validation/rules.js';
import { type AudienceSource, type MimcAudience, sourceOf } from './audience.js';
import { within } from '../delivery/within.js';
import { RecentSet } from './recent-set.js';
import type { SettledRanges } from './settled-ranges.js';
import { Turns } from './turns.js';

/** Recipients for one request, and which part of the audience is settled with them. */
export interface AudienceChunk<R> {
  readonly kind: 'chunk';
  readonly offset: number;
  readonly recipients: R[];
  /** `[from, to)`, in order: more than one when recipients between them were left out. */
  readonly ranges: [from: number, to: number][];
}

/** An entry of the audience that is not a recipient. */
export interface InvalidRecipient {
  readonly kind: 'invalid';
  readonly offset: number;
  readonly recipient: unknown;
  readonly rule: Rule;
}

/** What an audience is cut into. */
export type AudiencePiece<R> = AudienceChunk<R> | InvalidRecipient;

/** How long the end of a broadcast waits for an audience that does not answer, in milliseconds. */
const CLOSE_MS = 1_000;

/** Recipients taken from a page before the clock is looked at. */
const BATCH = 200;

/** For an entry of an audience in pages that is not one: a recipient that is none, as nobody knows how many it stands for. */
const PAGE: Rule = {
  name: 'isPage',
  test: () => false,
  must: 'must be an array of recipients, as the audience is given as inPages()',
};

/** How an audience is read. */
export interface ReaderOptions {
  chunkSize: number;
  dedupeWindow: number;
  /** What a recipient must be. */
  rule: Rule;
  /** What was settled before this run is skipped; what the reader leaves out for good is added. */
  settled: SettledRanges;
}

/**
 * Cuts an audience into chunks, lazily: it holds one chunk, one page and the window of de-duplication.
 *
 * {@link take} gives what the page in hand completes, {@link next} asks the audience for more. Not one generator for
 * both: that would cost several turns of the microtask queue for each chunk, and `for await` over a page one for each
 * recipient.
 */
export class AudienceReader<R> {
  /** Recipients taken from the audience. */
  read = 0;
  duplicates = 0;
  skipped = 0;
  /** Shared by the reader and its consumer. */
  readonly turns = new Turns();
  readonly #source: AudienceSource;
  readonly #options: ReaderOptions;
  readonly #recent: RecentSet<string>;
  readonly #isAsync: boolean;
  #entries: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #page: readonly unknown[] = [];
  #at = 0;
  #reading: Promise<unknown> | undefined;
  #isStopped = false;
  /** Whether the audience has no more to give, and nothing to release. */
  #isOver = false;
  #chunk: AudienceChunk<R> | undefined;

  constructor(audience: MimcAudience<R>, options: ReaderOptions) {
    this.#source = sourceOf(audience);
    this.#options = options;
    this.#recent = new RecentSet(options.dedupeWindow);
    const { entries } = this.#source;
    this.#isAsync = Symbol.asyncIterator in entries && typeof entries[Symbol.asyncIterator] === 'function';
  }

  /** From now on nothing more of the audience counts, though a page may have been asked for already. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The next full chunk or invalid recipient that the page in hand has, if it is near. */
  take(): AudiencePiece<R> | undefined {
    if (this.#isStopped) return undefined;
    const page = this.#page;
    for (let left = BATCH; this.#at < page.length && left > 0; left -= 1) {
      const piece = this.#add(page[this.#at++]);
      if (piece !== undefined) return piece;
    }
    return undefined;
  }

  /**
   * The next full chunk or invalid recipient, in the end the rest, then undefined, as when it was stopped. To be called
   * again only when it has resolved. It rejects with what the audience throws.
   */
  next(): Promise<AudiencePiece<R> | undefined> {
    const next = this.#next();
    this.#reading = next;
    return next;
  }

  /** All that {@link next} gives. */
  async *pieces(): AsyncGenerator<AudiencePiece<R>, void, undefined> {
    try {
      for (let piece = await this.next(); piece !== undefined; piece = await this.next()) yield piece;
    } finally {
      await this.close();
    }
  }

  /**
   * Lets the audience release what it holds, unless it came to its end or threw. Waits for it, and for an entry that it was
   * asked for, a second.
   */
  close(): Promise<void> {
    this.#isStopped = true;
    return within(
      CLOSE_MS,
      this.#release().catch(() => undefined),
    );
  }

  async #next(): Promise<AudiencePiece<R> | undefined> {
    const entries = (this.#entries ??= this.#open());
    while (!this.#isStopped) {
      if (this.turns.isOver) {
        await this.turns.next();
        continue;
      }
      const piece = this.take();
      if (piece !== undefined) return piece;
      if (this.#at < this.#page.length) continue;
      if (this.#isOver) return this.#rest();
      // One that throws has nothing to release.
      this.#isOver = true;
      const result = this.#isAsync ? await entries.next() : (entries as Iterator<unknown>).next();
      this.#isOver = result.done === true;
      if (this.#isOver || this.#isStopped) continue;
      const { value: entry } = result;
      if (this.#source.isInPages && Array.isArray(entry)) [this.#page, this.#at] = [entry, 0];
      else {
        const alone = this.#add(entry, this.#source.isInPages ? PAGE : this.#options.rule);
        if (alone !== undefined) return alone;
      }
    }
    return undefined;
  }

  async #release(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#entries?.return?.();
  }

  #open(): Iterator<unknown> | AsyncIterator<unknown> {
    const { entries } = this.#source;
    return this.#isAsync
      ? (entries as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (entries as Iterable<unknown>)[Symbol.iterator]();
  }

  /** Takes in the next recipient; returns what it completes. */
  #add(recipient: unknown, rule = this.#options.rule): AudiencePiece<R> | undefined {
    const offset = this.read++;
    const { dedupeWindow, settled } = this.#options;
    const isValid = rule.test(recipient);
    // Those that an earlier run settled count as seen too.
    const isNew = !isValid || dedupeWindow === 0 || this.#recent.add(String(recipient));
    if (settled.wasBefore(offset)) {
      this.skipped += 1;
      return undefined;
    }
    if (!isValid) return { kind: 'invalid', offset, recipient, rule };
    if (isNew) return this.#append(offset, recipient as R);
    this.duplicates += 1;
    settled.add(offset, offset + 1);
    return undefined;
  }

  #append(offset: number, recipient: R): AudienceChunk<R> | undefined {
    const chunk = (this.#chunk ??= { kind: 'chunk', offset, recipients: [], ranges: [[offset, offset]] });
    const last = chunk.ranges[chunk.ranges.length - 1];
    if (last?.[1] === offset) last[1] += 1;
    else chunk.ranges.push([offset, offset + 1]);
    return chunk.recipients.push(recipient) < this.#options.chunkSize ? undefined : this.#rest();
  }

  #rest(): AudienceChunk<R> | undefined {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    return chunk;
  }
}
