/** Which recipients of a broadcast are settled, by their offset in the audience. JSON-safe: keep it anywhere. */
export interface MimcBroadcastCheckpoint {
  /** All recipients before this offset are settled. */
  watermark: number;
  /** Settled beyond it: `[from, to)`, in order, neither empty nor touching. */
  ranges: [from: number, to: number][];
}

/**
 * The settled part of an audience as ranges of offsets. Chunks settle out of order, but close to each other, so that few
 * ranges are open at a time however long the audience is.
 */
export class SettledRanges {
  #watermark: number;
  #ranges: [from: number, to: number][];

  constructor({ watermark, ranges }: MimcBroadcastCheckpoint = { watermark: 0, ranges: [] }) {
    this.#watermark = watermark;
    this.#ranges = ranges.map(([from, to]) => [from, to]);
  }

  /** Nothing is settled from here on. */
  get end(): number {
    return this.#ranges.at(-1)?.[1] ?? this.#watermark;
  }

  /** Adds `[from, to)`, which must not be settled yet. */
  add(from: number, to: number): void {
    const at = this.#ranges.findLastIndex(([, end]) => end <= from) + 1;
    const before = this.#ranges[at - 1];
    const after = this.#ranges[at];
    const merged: [number, number] = [before?.[1] === from ? before[0] : from, after?.[0] === to ? after[1] : to];
    const first = before?.[1] === from ? at - 1 : at;
    const count = (first < at ? 1 : 0) + (after?.[0] === to ? 1 : 0);
    this.#ranges.splice(first, count, merged);
    this.#advance();
  }

  has(offset: number): boolean {
    if (offset < this.#watermark) return true;
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [from, to] = this.#ranges[middle] ?? [0, 0];
      if (offset < from) high = middle;
      else if (offset >= to) low = middle + 1;
      else return true;
    }
    return false;
  }

  toCheckpoint(): MimcBroadcastCheckpoint {
    return { watermark: this.#watermark, ranges: this.#ranges.map(([from, to]) => [from, to]) };
  }

  #advance(): void {
    const [first] = this.#ranges;
    if (first === undefined || first[0] > this.#watermark) return;
    this.#watermark = first[1];
    this.#ranges.shift();
  }
}

/** Whether `value` has the shape of a checkpoint. */
export function isCheckpoint(value: unknown): value is MimcBroadcastCheckpoint {
  const { watermark, ranges } = (value ?? {}) as Partial<Record<keyof MimcBroadcastCheckpoint, unknown>>;
  if (!isOffset(watermark) || !Array.isArray(ranges)) return false;
  let end = watermark;
  return ranges.every((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2 || !range.every(isOffset)) return false;
    const [from, to] = range as [number, number];
    const apart = end < from && from < to;
    end = to;
    return apart;
  });
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
