import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AudienceReader } from './audience-reader.js';
import { RecentSet } from './recent-set.js';
import { isCheckpoint, SettledRanges } from './settled-ranges.js';

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
        const checkpoint = settled.toCheckpoint();
        const expected = new Set(offsets);
        for (let offset = 0; offset < SIZE + 5; offset++) expect(settled.has(offset)).toBe(expected.has(offset));
        expect(isCheckpoint(checkpoint)).toBe(true);
        expect(new SettledRanges(JSON.parse(JSON.stringify(checkpoint))).toCheckpoint()).toEqual(checkpoint);
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
  ])('does not take %s for a checkpoint', (_name, value) => {
    expect(isCheckpoint(value)).toBe(false);
  });
});

describe('AudienceReader', () => {
  const entry = fc.oneof(fc.string({ maxLength: 2 }), fc.array(fc.string({ maxLength: 2 }), { maxLength: 12 }));

  it('puts every valid recipient that is not settled into exactly one chunk, in order and with its offset', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 12 }),
        additions,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (audience, [, before], chunkSize, isAsync) => {
          const settled = new SettledRanges();
          for (const offset of before) settled.add(offset, offset + 1);
          const everyone = audience.flat();
          const wanted = everyone
            .map((_, offset) => offset)
            .filter((offset) => everyone[offset] !== '' && !settled.has(offset));
          const source = isAsync
            ? (async function* () {
                yield* audience;
              })()
            : audience;
          const isValid = (recipient: unknown) => recipient !== '';
          const reader = new AudienceReader<string>(source, { chunkSize, dedupeWindow: 0, isValid, settled });
          const offsets: number[] = [];
          for await (const piece of reader.pieces()) {
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
