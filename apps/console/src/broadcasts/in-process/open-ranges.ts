import type { MimcBroadcastCheckpoint } from 'nestjs-mimc';
import type { BroadcastFailure } from '../broadcast-state.js';

type Range = [from: number, to: number];

/** Consecutive recipients, and the position of the first. */
interface Placed {
  readonly offset: number;
  readonly recipients: string[];
}

/** The recipients of an audience who are not settled. */
export async function* unsettled(
  audience: AsyncIterable<string[]>,
  { watermark, ranges }: MimcBroadcastCheckpoint,
): AsyncGenerator<Placed, void, undefined> {
  const settled: Range[] = [[0, watermark], ...ranges.map(([from, to]): Range => [from, to])];
  let next = 0;
  let offset = 0;
  for await (const page of audience) {
    let open: string[] = [];
    for (const recipient of page) {
      while (next < settled.length && (settled[next]?.[1] ?? 0) <= offset) next += 1;
      if (offset < (settled[next]?.[0] ?? Infinity)) open.push(recipient);
      else if (open.length > 0) {
        yield { offset: offset - open.length, recipients: open };
        open = [];
      }
      offset += 1;
    }
    if (open.length > 0) yield { offset: offset - open.length, recipients: open };
  }
}

/**
 * The checkpoint without the recipients of these failures, so that they are sent to again. Their positions are looked up in
 * the audience, because a chunk may have left out recipients between its own.
 */
export async function reopened(
  checkpoint: MimcBroadcastCheckpoint,
  audience: AsyncIterable<string[]>,
  failures: readonly BroadcastFailure[],
): Promise<MimcBroadcastCheckpoint> {
  const waiting = failures.toSorted((a, b) => b.offset - a.offset);
  const begun = new Set<{ recipients: readonly string[]; at: number }>();
  const open: Range[] = [];
  let offset = 0;
  for await (const page of audience) {
    for (const recipient of page) {
      for (let last = waiting.at(-1); last?.offset === offset; last = waiting.at(-1)) {
        begun.add({ recipients: last.recipients, at: 0 });
        waiting.pop();
      }
      for (const chunk of begun) {
        if (chunk.recipients[chunk.at] !== recipient) continue;
        chunk.at += 1;
        if (chunk.at === chunk.recipients.length) begun.delete(chunk);
        const last = open.at(-1);
        if (last?.[1] === offset) last[1] = offset + 1;
        else open.push([offset, offset + 1]);
        break;
      }
      offset += 1;
    }
    if (waiting.length === 0 && begun.size === 0) break;
  }
  return without(checkpoint, open);
}

/** The checkpoint without the ranges in `open`, which are sorted. */
function without({ watermark, ranges }: MimcBroadcastCheckpoint, open: readonly Range[]): MimcBroadcastCheckpoint {
  const left: Range[] = [];
  let next = 0;
  for (const [from, to] of [[0, watermark] as const, ...ranges]) {
    let begin = from;
    for (let hole = open[next]; hole !== undefined && hole[0] < to; hole = open[++next]) {
      if (hole[0] > begin) left.push([begin, hole[0]]);
      begin = Math.max(begin, hole[1]);
    }
    if (begin < to) left.push([begin, to]);
  }
  const [first, ...others] = left;
  return first?.[0] === 0 ? { watermark: first[1], ranges: others } : { watermark: 0, ranges: left };
}
