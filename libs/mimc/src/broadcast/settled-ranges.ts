import { type Range, type RangeTree, rangesOf, treeOf, withRange } from './range-tree.js';

/** Which recipients are settled, by their offset in the audience. */
export interface MimcSettledRecipients {
  /** All recipients before this offset are settled. */
  readonly watermark: number;
  /** Settled beyond it: `[from, to)`, in order, neither empty nor touching. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** The settled part of an audience. Adding to it takes O(log n) of its ranges; a snapshot takes nothing until it is read. */
export class SettledRanges {
  /** The ranges that were settled before, in order; they begin with what is below the watermark. */
  readonly #before: readonly Range[];
  #ranges: RangeTree | undefined;
  /** Which range of those before {@link wasBefore} has come to. */
  #at = 0;

  constructor({ watermark, ranges }: MimcSettledRecipients = { watermark: 0, ranges: [] }) {
    this.#before = watermark > 0 ? [[0, watermark], ...ranges] : ranges;
    this.#ranges = treeOf(this.#before);
  }

  /** Adds `[from, to)`, which must not be settled yet. */
  add(from: number, to: number): void {
    this.#ranges = withRange(this.#ranges, [from, to]);
  }

  /** Whether an offset was settled from the beginning. To be asked in the order of the audience. */
  wasBefore(offset: number): boolean {
    let range = this.#before[this.#at];
    while (range !== undefined && range[1] <= offset) range = this.#before[(this.#at += 1)];
    return range !== undefined && range[0] <= offset;
  }

  /** What is settled now, read when it is asked for. */
  snapshot(): () => MimcSettledRecipients {
    const tree = this.#ranges;
    let settled: MimcSettledRecipients | undefined;
    return () => (settled ??= settledOf(rangesOf(tree)));
  }
}

function settledOf(all: readonly Range[]): MimcSettledRecipients {
  const [first] = all;
  return first?.[0] === 0 ? { watermark: first[1], ranges: all.slice(1) } : { watermark: 0, ranges: all };
}
