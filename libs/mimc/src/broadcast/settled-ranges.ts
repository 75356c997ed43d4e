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

/** A range of offsets, `[from, to)`. */
type Range = readonly [from: number, to: number];

/**
 * Ranges that neither overlap nor touch, in order: a randomised binary search tree (C. Martínez and S. Roura, "Randomized
 * Binary Search Trees", Journal of the ACM, 1998). A tree is never changed: adding makes a new one that shares all but a
 * path with the old one, so that a snapshot costs nothing.
 */
interface RangeTree {
  readonly range: Range;
  readonly left: RangeTree | undefined;
  readonly right: RangeTree | undefined;
  readonly size: number;
}

/** The tree of `ranges[begin]` to `ranges[end - 1]`, which are in order. */
function treeOf(ranges: readonly Range[], begin = 0, end = ranges.length): RangeTree | undefined {
  const middle = (begin + end) >>> 1;
  const range = begin < end ? ranges[middle] : undefined;
  return range && node(range, treeOf(ranges, begin, middle), treeOf(ranges, middle + 1, end));
}

/** The tree with `range` in it, of which nothing must be there yet; it is merged with ranges that it touches. */
function withRange(tree: RangeTree | undefined, [from, to]: Range): RangeTree {
  let [before, after] = split(tree, from);
  const last = lastOf(before);
  const first = firstOf(after);
  if (last?.[1] === from) [before] = split(before, last[0]);
  if (first?.[0] === to) [, after] = split(after, first[1]);
  const begin = last?.[1] === from ? last[0] : from;
  const end = first?.[0] === to ? first[1] : to;
  return joined(joined(before, node([begin, end])), after) as RangeTree;
}

/** All ranges, in order. */
function rangesOf(tree: RangeTree | undefined, ranges: Range[] = []): Range[] {
  if (tree === undefined) return ranges;
  rangesOf(tree.left, ranges);
  ranges.push([...tree.range]);
  return rangesOf(tree.right, ranges);
}

function node(range: Range, left?: RangeTree, right?: RangeTree): RangeTree {
  return { range, left, right, size: 1 + (left?.size ?? 0) + (right?.size ?? 0) };
}

/** The ranges that begin before `offset`, and the others. */
function split(
  tree: RangeTree | undefined,
  offset: number,
): [before: RangeTree | undefined, after: RangeTree | undefined] {
  if (tree === undefined) return [undefined, undefined];
  if (tree.range[0] < offset) {
    const [before, after] = split(tree.right, offset);
    return [node(tree.range, tree.left, before), after];
  }
  const [before, after] = split(tree.left, offset);
  return [before, node(tree.range, after, tree.right)];
}

/** The ranges of both; those of `left` come first. Each is as likely to be the root, which keeps the tree flat. */
function joined(left: RangeTree | undefined, right: RangeTree | undefined): RangeTree | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  return Math.random() * (left.size + right.size) < left.size
    ? node(left.range, left.left, joined(left.right, right))
    : node(right.range, joined(left, right.left), right.right);
}

function firstOf(tree: RangeTree | undefined): Range | undefined {
  let at = tree;
  while (at?.left !== undefined) at = at.left;
  return at?.range;
}

function lastOf(tree: RangeTree | undefined): Range | undefined {
  let at = tree;
  while (at?.right !== undefined) at = at.right;
  return at?.range;
}
