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

/** Entries read before yielding to the event loop. */
const BATCH = 100;

/** For an entry of an audience in pages that is not one: counted as one recipient, as nobody knows how many it stands for. */
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

type Batch<R> = Iterable<AudiencePiece<R>>;

/**
 * Cuts an audience into pieces, in one pass, and holds one page, one chunk and the window of de-duplication. It gives them in
 * batches: a batch takes the next entry only when its next piece is asked for, without a turn of the microtask queue for each.
 */
export class AudienceReader<R> implements AsyncIterableIterator<Batch<R>, undefined, undefined> {
  /** Recipients taken from the audience. */
  read = 0;
  duplicates = 0;
  skipped = 0;
  readonly #source: AudienceSource;
  readonly #options: ReaderOptions;
  readonly #recent: RecentSet<string> | undefined;
  readonly #batches = this.#read();
  #isClosed = false;
  #chunk: AudienceChunk<R> | undefined;

  constructor(audience: MimcAudience<R>, options: ReaderOptions) {
    this.#source = sourceOf(audience);
    this.#options = options;
    if (options.dedupeWindow > 0) this.#recent = new RecentSet(options.dedupeWindow);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next batch; consume it before asking for another. It rejects with what the audience throws. */
  next(): Promise<IteratorResult<Batch<R>, undefined>> {
    return this.#batches.next();
  }

  /**
   * Ends the reading, and lets the audience release what it holds, unless it came to its end or threw. Waits for it, and for
   * an entry that it was asked for, a second.
   */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#isClosed = true;
    await within(
      CLOSE_MS,
      this.#batches.return(undefined).catch(() => undefined),
    );
    return { done: true, value: undefined };
  }

  async *#read(): AsyncGenerator<Batch<R>, undefined, undefined> {
    const { entries, isInPages } = this.#source;
    const turns = new Turns();
    if (!isInPages && !isAsync(entries)) yield* this.#cut(entries, turns);
    else
      for await (const entry of entries) {
        // What was asked for before the end does not count any more.
        if (this.#isClosed) return undefined;
        if (isInPages && Array.isArray(entry)) yield* this.#cut(entry, turns);
        else {
          const piece = this.#add(entry, isInPages ? PAGE : this.#options.rule);
          if (piece !== undefined) yield [piece];
          if (turns.isOver(1)) await turns.next();
        }
      }
    const rest = this.#rest();
    if (rest !== undefined) yield [rest];
    return undefined;
  }

  /** Cuts what can be read without waiting. */
  async *#cut(page: Iterable<unknown>, turns: Turns): AsyncGenerator<Batch<R>, void, undefined> {
    const cursor = { entries: page[Symbol.iterator](), isOver: false };
    try {
      while (!cursor.isOver) {
        yield this.#batchOf(cursor);
        if (turns.isOver(BATCH)) await turns.next();
      }
    } finally {
      if (!cursor.isOver) cursor.entries.return?.();
    }
  }

  *#batchOf(cursor: { entries: Iterator<unknown>; isOver: boolean }): Generator<AudiencePiece<R>, void, undefined> {
    for (let left = BATCH; left > 0; left -= 1) {
      // One that throws has nothing to release.
      cursor.isOver = true;
      const { done, value: entry } = cursor.entries.next();
      if (done === true) return;
      cursor.isOver = false;
      const piece = this.#add(entry, this.#options.rule);
      if (piece !== undefined) yield piece;
    }
  }

  /** Takes in the next recipient; returns what it completes. */
  #add(recipient: unknown, rule: Rule): AudiencePiece<R> | undefined {
    const offset = this.read++;
    const { settled } = this.#options;
    const isValid = rule.test(recipient);
    // Those that an earlier run settled count as seen too.
    const isNew = !isValid || this.#recent === undefined || this.#recent.add(String(recipient));
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

function isAsync(entries: Iterable<unknown> | AsyncIterable<unknown>): entries is AsyncIterable<unknown> {
  return Symbol.asyncIterator in entries && typeof entries[Symbol.asyncIterator] === 'function';
}
