import type { MimcAudience, MimcQuotaKind, TopicId } from '../../index.js';
import { accountRule, AudienceReader, type Rule, SettledRanges, textOf, topicIdRule } from '../../internals.js';

/** Recipients of one request, with the offset of the first. Topic ids are decimal strings. */
export type StoredChunk = readonly [offset: number, recipients: readonly string[]];

/** A part of the audience that is written at once: all entries from one offset to another. */
export interface AudiencePage {
  readonly from: number;
  readonly to: number;
  readonly chunks: readonly StoredChunk[];
  /** Entries that are no recipients, as text. */
  readonly invalid: readonly (readonly [offset: number, entry: string])[];
}

/** Chunks of a page: what one job of BullMQ sends, one after the other. */
const CHUNKS_OF_PAGE = 10;

const ANYTHING: Rule = { name: 'isAnything', test: () => true, must: 'may be anything' };

/** Cuts an audience into pages from an offset on, lazily: it holds one page. What comes before is read and skipped. */
export class AudiencePages implements AsyncIterable<AudiencePage> {
  readonly #reader: AudienceReader<unknown>;

  constructor(
    private readonly kind: MimcQuotaKind,
    audience: MimcAudience<string> | MimcAudience<TopicId>,
    from: number,
    private readonly chunkSize: number,
  ) {
    this.#reader = new AudienceReader<unknown>(audience, {
      chunkSize: chunkSize * CHUNKS_OF_PAGE,
      dedupeWindow: 0,
      // Sorted out by page, so that the position is always the end of one.
      rule: ANYTHING,
      settled: new SettledRanges({ watermark: from, ranges: [] }),
    });
  }

  /** Entries taken from the audience, those that were skipped included. */
  get read(): number {
    return this.#reader.read;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AudiencePage, void, undefined> {
    for await (const piece of this.#reader.pieces()) {
      if (piece.kind === 'chunk') yield pageOf(this.kind, piece.offset, piece.recipients, this.chunkSize);
    }
  }
}

function pageOf(kind: MimcQuotaKind, from: number, entries: readonly unknown[], chunkSize: number): AudiencePage {
  const { test } = kind === 'accounts' ? accountRule : topicIdRule;
  const chunks: [offset: number, recipients: string[]][] = [];
  const invalid: [offset: number, entry: string][] = [];
  entries.forEach((entry, index) => {
    if (!test(entry)) {
      invalid.push([from + index, textOf(entry)]);
      return;
    }
    const last = chunks.at(-1);
    if (last !== undefined && last[1].length < chunkSize) last[1].push(String(entry));
    else chunks.push([from + index, [String(entry)]]);
  });
  return { from, to: from + entries.length, chunks, invalid };
}
