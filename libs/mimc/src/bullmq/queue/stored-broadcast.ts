import type { MimcQuotaKind } from '../../index.js';
import type { MimcFailedChunk, MimcPauseReason, MimcQueuedBroadcast, MimcQueuedState } from './queued-broadcast.js';

/** The broadcast that a `meta` hash describes; undefined when there is none. */
export function broadcastOf(meta: Record<string, string>): MimcQueuedBroadcast | undefined {
  const { id, kind, state, sealed, reason, createdAt, endedAt } = meta;
  if (id === undefined) return undefined;
  const count = (field: string) => Number(meta[field] ?? 0);
  const [read, accepted, refused] = [count('position'), count('accepted'), count('refused')];
  const [notSent, unknown, invalid] = [count('notSent'), count('unknown'), count('invalid')];
  const pending = read - accepted - refused - notSent - unknown - invalid;
  return {
    id,
    kind: kind as MimcQuotaKind,
    state: state as MimcQueuedState,
    enqueued: sealed === '1',
    ended: endedAt !== undefined,
    counts: { read, accepted, refused, notSent, unknown, invalid, pending },
    ...(reason !== undefined && { pausedBy: JSON.parse(reason) as MimcPauseReason }),
    createdAt: new Date(Number(createdAt)),
    ...(endedAt !== undefined && { endedAt: new Date(Number(endedAt)) }),
  };
}

/** An entry of the audience that is no recipient. */
export function invalidChunk(offset: number, entry: string): MimcFailedChunk {
  return { offset, outcome: 'invalid', recipients: [entry], message: `audience[${offset}] is no recipient` };
}
