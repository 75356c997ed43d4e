import { setImmediate } from 'node:timers/promises';
import type { MimcAudience } from './broadcast-options.js';
import { RecentSet } from './recent-set.js';
import type { SettledRanges } from './settled-ranges.js';

/** Recipients for one request, and which part of the audience is settled with them. */
export interface AudienceChunk<R> {
  readonly kind: 'chunk';
  readonly offset: number;
  readonly recipients: R[];
  /** `[from, to)`, in order: more than one when recipients between them were left out. */
  readonly ranges: [from: number, to: number][];
}

/** A recipient that is none. */
export interface InvalidRecipient {
  readonly kind: 'invalid';
  readonly offset: number;
  readonly recipient: unknown;
}

/** What an audience is cut into. */
export type AudiencePiece<R> = AudienceChunk<R> | InvalidRecipient;

/** Recipients after which others get a turn, when a long part of the audience is left out. */
const BREATH = 10_000;

/** How an audience is read. */
export interface ReaderOptions {
  chunkSize: number;
  dedupeWindow: number;
  isValid: (recipient: unknown) => boolean;
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
  readonly #audience: MimcAudience<R>;
  readonly #options: ReaderOptions;
  readonly #recent: RecentSet<string>;
  /** Where what was settled before this run ends. */
  readonly #settledUntil: number;
  readonly #isAsync: boolean;
  #entries: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #page: readonly unknown[] = [];
  #at = 0;
  #isStopped = false;
  /** Whether the audience has no more to give, and nothing to release. */
  #isOver = false;
  #chunk: AudienceChunk<R> | undefined;

  constructor(audience: MimcAudience<R>, options: ReaderOptions) {
    this.#audience = audience;
    this.#options = options;
    this.#recent = new RecentSet(options.dedupeWindow);
    this.#settledUntil = options.settled.end;
    this.#isAsync = Symbol.asyncIterator in audience;
  }

  /** From now on nothing more of the audience counts, though a page may have been asked for already. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The next full chunk or invalid recipient that the page in hand has, if any. */
  take(): AudiencePiece<R> | undefined {
    if (this.#isStopped) return undefined;
    const page = this.#page;
    for (let left = BREATH; this.#at < page.length && left > 0; left -= 1) {
      const piece = this.#add(page[this.#at++]);
      if (piece !== undefined) return piece;
    }
    return undefined;
  }

  /**
   * The next full chunk or invalid recipient, in the end the rest, then undefined, as when it was stopped. To be called
   * again only when it has resolved. It rejects with what the audience throws.
   */
  async next(): Promise<AudiencePiece<R> | undefined> {
    const entries = (this.#entries ??= this.#open());
    for (let breathAt = this.read + BREATH; !this.#isStopped;) {
      const piece = this.take();
      if (piece !== undefined) return piece;
      if (this.read >= breathAt) {
        breathAt = this.read + BREATH;
        await setImmediate();
      } else if (this.#at >= this.#page.length) {
        if (this.#isOver) return this.#rest();
        // One that throws has nothing to release.
        this.#isOver = true;
        const result = this.#isAsync ? await entries.next() : (entries as Iterator<unknown>).next();
        this.#isOver = result.done === true;
        if (this.#isOver || this.#isStopped) continue;
        const { value: entry } = result;
        if (Array.isArray(entry)) [this.#page, this.#at] = [entry, 0];
        else {
          const alone = this.#add(entry);
          if (alone !== undefined) return alone;
        }
      }
    }
    return undefined;
  }

  /** All that {@link next} gives. */
  async *pieces(): AsyncGenerator<AudiencePiece<R>, void, undefined> {
    try {
      for (let piece = await this.next(); piece !== undefined; piece = await this.next()) yield piece;
    } finally {
      await this.close();
    }
  }

  /** Lets the audience release what it holds, unless it came to its end or threw. Not while {@link next} is under way. */
  async close(): Promise<void> {
    this.#isStopped = true;
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#entries?.return?.();
  }

  #open(): Iterator<unknown> | AsyncIterator<unknown> {
    return Symbol.asyncIterator in this.#audience
      ? this.#audience[Symbol.asyncIterator]()
      : this.#audience[Symbol.iterator]();
  }

  /** Takes in the next recipient; returns what it completes. */
  #add(recipient: unknown): AudiencePiece<R> | undefined {
    const offset = this.read++;
    const { isValid: isValidRecipient, dedupeWindow, settled } = this.#options;
    const isValid = isValidRecipient(recipient);
    // Those that an earlier run settled count as seen too.
    const isNew = !isValid || dedupeWindow === 0 || this.#recent.add(String(recipient));
    if (offset < this.#settledUntil && settled.has(offset)) {
      this.skipped += 1;
      return undefined;
    }
    if (!isValid) return { kind: 'invalid', offset, recipient };
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
