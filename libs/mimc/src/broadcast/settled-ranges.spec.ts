import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inPages } from './audience.js';
import { type AudiencePiece, AudienceReader } from './audience-reader.js';
import { copyOfCheckpoint } from './checkpoint.js';
import { RecentSet } from './recent-set.js';
import { SettledRanges } from './settled-ranges.js';

const SIZE = 60;
/** Some of the offsets below SIZE, cut into ranges that are added in any order. */
const additions = fc
  .uniqueArray(fc.nat(SIZE - 1))
  .chain((offsets) => fc.tuple(fc.constant(offsets), fc.shuffledSubarray(offsets, { minLength: offsets.length })));

describe('SettledRanges', () => {
  it('holds exactly what was added, as a watermark and ranges that are in order and apart', () => {
    fc.assert(
      fc.property(additions, ([offsets, order]) => {
        const settled = new SettledRanges();
        for (const offset of order) settled.add(offset, offset + 1);
        const checkpoint = settled.snapshot()();
        expect(copyOfCheckpoint(checkpoint)).toEqual(checkpoint);
        const resumed = new SettledRanges(checkpoint);
        expect(resumed.snapshot()()).toEqual(checkpoint);
        const expected = new Set(offsets);
        for (let offset = 0; offset < SIZE + 5; offset++) expect(resumed.wasBefore(offset)).toBe(expected.has(offset));
      }),
    );
  });

  it('gives snapshots that what is added later does not change', () => {
    fc.assert(
      fc.property(additions, ([, order]) => {
        const settled = new SettledRanges();
        const snapshots = order.map((offset) => {
          settled.add(offset, offset + 1);
          return settled.snapshot();
        });
        snapshots.forEach((read, index) => {
          const { watermark, ranges } = read();
          const count = ranges.reduce((sum, [from, to]) => sum + to - from, watermark);
          expect(count).toBe(index + 1);
        });
      }),
    );
  });

  it.each([
    ['nothing', undefined],
    ['no ranges', { watermark: 0 }],
    ['a fraction', { watermark: 0.5, ranges: [] }],
    ['a negative watermark', { watermark: -1, ranges: [] }],
    ['an empty range', { watermark: 0, ranges: [[2, 2]] }],
    [
      'ranges that touch',
      {
        watermark: 0,
        ranges: [
          [2, 3],
          [3, 4],
        ],
      },
    ],
    [
      'ranges out of order',
      {
        watermark: 0,
        ranges: [
          [6, 7],
          [2, 3],
        ],
      },
    ],
    ['a range that touches the watermark', { watermark: 2, ranges: [[2, 3]] }],
    ['a range of three', { watermark: 0, ranges: [[2, 3, 4]] }],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole among the ranges', { watermark: 0, ranges: [[2, 3], , [6, 7]] }],
    ['outcomes that are not a list', { watermark: 0, ranges: [], outcomes: {} }],
    [
      'an outcome without an error',
      { watermark: 0, ranges: [], outcomes: [{ ok: false, offset: 0, recipients: ['a'] }] },
    ],
    [
      'an outcome whose recipients are not text',
      { watermark: 0, ranges: [], outcomes: [{ ok: true, offset: 0, recipients: [7], receipt: {} }] },
    ],
    ['a map', new Map([['watermark', 0]])],
  ])('does not take %s for a checkpoint', (_name, value) => {
    expect(copyOfCheckpoint(value)).toBeUndefined();
  });
});

describe('AudienceReader', () => {
  const text = fc.string({ maxLength: 2 });
  const single = fc.record({ entries: fc.array(text, { maxLength: 60 }), isInPages: fc.constant(false) });
  const paged = fc.record({ entries: fc.array(fc.array(text, { maxLength: 12 })), isInPages: fc.constant(true) });

  it('puts every valid recipient that is not settled into exactly one chunk, in order and with its offset', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(single, paged),
        additions,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async ({ entries, isInPages }, [, before], chunkSize, isAsync) => {
          const earlier = new SettledRanges();
          for (const offset of before) earlier.add(offset, offset + 1);
          const settled = new SettledRanges(earlier.snapshot()());
          const everyone = entries.flat();
          const wanted = everyone
            .map((_, offset) => offset)
            .filter((offset) => everyone[offset] !== '' && !before.includes(offset));
          const source = isAsync
            ? (async function* () {
                yield* entries;
              })()
            : entries;
          const audience = (isInPages ? inPages(source as Iterable<string[]>) : source) as Iterable<string>;
          const rule = { name: 'isNotEmpty', test: (recipient: unknown) => recipient !== '', must: 'must be some' };
          const reader = new AudienceReader<string>(audience, { chunkSize, dedupeWindow: 0, rule, settled });
          const offsets: number[] = [];
          const pieces: AudiencePiece<string>[] = [];
          for await (const batch of reader) pieces.push(...batch);
          for (const piece of pieces) {
            if (piece.kind === 'invalid') continue;
            expect(piece.recipients.length).toBeLessThanOrEqual(chunkSize);
            const own = piece.ranges.flatMap(([from, to]) =>
              Array.from({ length: to - from }, (_, index) => from + index),
            );
            expect(piece.recipients).toEqual(own.map((offset) => everyone[offset]));
            expect(piece.offset).toBe(own[0]);
            offsets.push(...own);
          }
          expect(offsets).toEqual(wanted);
          expect(reader.read).toBe(everyone.length);
        },
      ),
    );
  });
});

describe('RecentSet', () => {
  it('knows a value again exactly when it is among the last different ones', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(8)), fc.integer({ min: 1, max: 6 }), (values, size) => {
        const recent = new RecentSet<number>(size);
        values.forEach((value, index) => {
          const before = values.slice(0, index).toReversed();
          const last = [...new Set(before)].slice(0, size);
          expect(recent.add(value)).toBe(!last.includes(value));
        });
      }),
    );
  });
});
