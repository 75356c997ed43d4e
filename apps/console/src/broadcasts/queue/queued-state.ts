import type { MimcFailedChunk, MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import {
  type BroadcastFailure,
  type BroadcastState,
  type BroadcastSummary,
  MAX_LISTED,
  recipientsIn,
} from '../broadcast-state.js';

/** A broadcast of the queue in this API's format. */
export function summaryOf(broadcast: MimcQueuedBroadcast): BroadcastSummary {
  const { id, kind, state, counts, pausedBy, createdAt, startAt, endedAt, ended } = broadcast;
  const { pending: _pending, ...progress } = counts;
  return {
    id,
    kind,
    state,
    ...(pausedBy && { error: pausedBy }),
    total: counts.read,
    progress: { ...progress, duplicates: 0 },
    createdAt: createdAt.toISOString(),
    ...(startAt && { startAt: startAt.toISOString() }),
    ...(ended && { finishedAt: (endedAt ?? createdAt).toISOString() }),
  };
}

export function stateOf(broadcast: MimcQueuedBroadcast, failures: BroadcastFailure[]): BroadcastState {
  const { refused, notSent, unknown, invalid } = broadcast.counts;
  const failed = refused + notSent + unknown + invalid;
  return { ...summaryOf(broadcast), failures, failuresOmitted: Math.max(0, failed - recipientsIn(failures)) };
}

export async function* failuresOf(chunks: AsyncIterable<MimcFailedChunk>): AsyncGenerator<BroadcastFailure> {
  for await (const chunk of chunks) {
    const { recipients, outcome, message, at } = chunk;
    yield {
      ...chunk,
      recipients: [...recipients],
      ...(outcome === 'invalid' && { code: 'MIMC_INVALID' }),
      message: message ?? MESSAGES[outcome] ?? outcome,
      at: at.toISOString(),
    };
  }
}

/** The first failures, with at most {@link MAX_LISTED} recipients. */
export async function listedFailures(failures: AsyncIterable<BroadcastFailure>): Promise<BroadcastFailure[]> {
  const listed: BroadcastFailure[] = [];
  let recipients = 0;
  for await (const failure of failures) {
    recipients += failure.recipients.length;
    if (recipients > MAX_LISTED) break;
    listed.push(failure);
  }
  return listed;
}

const MESSAGES: Readonly<Partial<Record<MimcFailedChunk['outcome'], string>>> = {
  invalid: 'Not a valid recipient',
  cancelled: 'The broadcast was cancelled',
  expired: 'The broadcast has expired',
};
