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

/** Cuts an audience into chunks, lazily: it holds one chunk, one page and the window of de-duplication. */
export class AudienceReader<R> {
  /** Recipients taken from the audience. */
  read = 0;
  duplicates = 0;
  skipped = 0;
  readonly #audience: MimcAudience<R>;
  readonly #options: ReaderOptions;
  readonly #recent: RecentSet<string>;
  #isStopped = false;
  #chunk: AudienceChunk<R> | undefined;

  constructor(audience: MimcAudience<R>, options: ReaderOptions) {
    this.#audience = audience;
    this.#options = options;
    this.#recent = new RecentSet(options.dedupeWindow);
  }

  /** From now on nothing more of the audience counts, though a page may have been asked for already. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Full chunks and invalid recipients as they come, then the rest. */
  async *pieces(): AsyncGenerator<AudiencePiece<R>, void, undefined> {
    // Not one loop for both: `for await` over an array costs a turn of the microtask queue for each recipient.
    if (Symbol.asyncIterator in this.#audience) {
      for await (const entry of this.#audience) {
        for (const recipient of pageOf(entry)) {
          if (this.#isStopped) return;
          const piece = this.#take(recipient);
          if (piece !== undefined) yield piece;
          else if (this.read % BREATH === 0) await setImmediate();
        }
      }
    } else {
      for (const entry of this.#audience) {
        for (const recipient of pageOf(entry)) {
          if (this.#isStopped) return;
          const piece = this.#take(recipient);
          if (piece !== undefined) yield piece;
          else if (this.read % BREATH === 0) await setImmediate();
        }
      }
    }
    if (this.#chunk !== undefined) yield this.#chunk;
  }

  /** Takes the next recipient; returns what it completes. */
  #take(recipient: unknown): AudiencePiece<R> | undefined {
    const offset = this.read++;
    const isValid = this.#options.isValid(recipient);
    // Those that an earlier run settled count as seen too.
    const isNew = !isValid || this.#options.dedupeWindow === 0 || this.#recent.add(String(recipient));
    if (this.#options.settled.has(offset)) {
      this.skipped += 1;
      return undefined;
    }
    if (!isValid) return { kind: 'invalid', offset, recipient };
    if (isNew) return this.#append(offset, recipient as R);
    this.duplicates += 1;
    this.#options.settled.add(offset, offset + 1);
    return undefined;
  }

  #append(offset: number, recipient: R): AudienceChunk<R> | undefined {
    const chunk = (this.#chunk ??= { kind: 'chunk', offset, recipients: [], ranges: [] });
    const last = chunk.ranges.at(-1);
    if (last?.[1] === offset) last[1] += 1;
    else chunk.ranges.push([offset, offset + 1]);
    if (chunk.recipients.push(recipient) < this.#options.chunkSize) return undefined;
    this.#chunk = undefined;
    return chunk;
  }
}

function pageOf(entry: unknown): readonly unknown[] {
  return Array.isArray(entry) ? entry : [entry];
}
