import type { MimcFailedChunk, MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { type BroadcastFailure, type BroadcastState, MAX_LISTED } from '../broadcast-state.js';

/** A broadcast of the queue as this API tells it. */
export function stateOf(broadcast: MimcQueuedBroadcast, failures: BroadcastFailure[]): BroadcastState {
  const { id, kind, counts, pausedBy, createdAt, endedAt } = broadcast;
  const { pending: _pending, ...progress } = counts;
  const failed = counts.refused + counts.notSent + counts.unknown + counts.invalid;
  const listed = failures.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return {
    id,
    kind,
    ...statusOf(broadcast),
    ...(pausedBy && { error: pausedBy }),
    total: counts.read,
    progress: { ...progress, duplicates: 0 },
    failures,
    failuresOmitted: Math.max(0, failed - listed),
    createdAt: createdAt.toISOString(),
    ...(endedAt && { finishedAt: endedAt.toISOString() }),
  };
}

/** The first failures, of no more recipients than are listed. */
export async function listedFailures(chunks: AsyncIterable<MimcFailedChunk>): Promise<BroadcastFailure[]> {
  const failures: BroadcastFailure[] = [];
  let listed = 0;
  for await (const { offset, recipients, outcome, code, message } of chunks) {
    listed += recipients.length;
    if (listed > MAX_LISTED) break;
    const isInvalid = outcome === 'invalid';
    failures.push({
      offset,
      recipients: [...recipients],
      ...(isInvalid ? { code: 'MIMC_INVALID' as const } : code && { code }),
      outcome: outcome === 'refused' || outcome === 'unknown' ? outcome : 'not-sent',
      message: message ?? MESSAGES[outcome] ?? outcome,
    });
  }
  return failures;
}

const MESSAGES: Readonly<Partial<Record<MimcFailedChunk['outcome'], string>>> = {
  invalid: 'Not a valid recipient',
  cancelled: 'The broadcast was cancelled',
  expired: 'The broadcast has expired',
};

function statusOf({ state, pausedBy }: MimcQueuedBroadcast): Pick<BroadcastState, 'state' | 'stoppedBy'> {
  if (state === 'running' || state === 'enqueuing' || state === 'scheduled') return { state: 'running' };
  if (state === 'done') return { state, stoppedBy: 'end' };
  const stopped = state === 'expired' ? 'cancelled' : state;
  return pausedBy === undefined ? { state: stopped, stoppedBy: 'abort' } : { state: 'failed', stoppedBy: 'failures' };
}
