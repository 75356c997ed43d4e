import {
  type Broadcast,
  inPages,
  type MimcBroadcastCheckpoint,
  type MimcBroadcastOutcome,
  type MimcBroadcastProgress,
  type MimcBroadcastService,
  type MimcBroadcastSummary,
  type TopicId,
} from 'nestjs-mimc';
import type { BroadcastContent } from './broadcast-request.js';

export type ChunkOutcome = MimcBroadcastOutcome<string> | MimcBroadcastOutcome<TopicId>;

/** Why a pass ended. */
export type PassEnd = Pick<MimcBroadcastSummary, 'stoppedBy' | 'error'>;

/** Where a pass starts and stops. */
export interface PassOptions {
  signal: AbortSignal;
  resume?: MimcBroadcastCheckpoint;
}

/** A broadcast from its start, or from a checkpoint, until it ends or is stopped. */
export class BroadcastPass {
  readonly #broadcast: Broadcast<string> | Broadcast<TopicId>;
  #isWhole = false;

  /** @throws MimcError `MIMC_INVALID` when the message or the options are invalid */
  constructor(
    mimc: MimcBroadcastService,
    { kind, message, options }: BroadcastContent,
    audience: AsyncIterable<string[]>,
    { signal, resume }: PassOptions,
  ) {
    const all = { ...options, signal, resume };
    const watched = inPages(this.#watch(audience));
    this.#broadcast =
      kind === 'accounts' ? mimc.toAccounts(watched, message, all) : mimc.toTopics(watched, message, all);
  }

  get progress(): MimcBroadcastProgress {
    return this.#broadcast.progress;
  }

  get checkpoint(): MimcBroadcastCheckpoint {
    return this.#broadcast.checkpoint;
  }

  /** Runs to the end; `onOutcome` is awaited. */
  async run(onOutcome: (outcome: ChunkOutcome) => void | Promise<void>): Promise<PassEnd> {
    for await (const outcome of this.#broadcast) await onOutcome(outcome);
    const { stoppedBy = 'abort', error, notSent = 0 } = this.#broadcast.summary ?? {};
    // A stop with nothing left to send counts as a normal end.
    if (stoppedBy === 'abort' && this.#isWhole && notSent === 0) return { stoppedBy: 'end' };
    return { stoppedBy, error };
  }

  async *#watch(audience: AsyncIterable<string[]>): AsyncGenerator<string[]> {
    yield* audience;
    this.#isWhole = true;
  }
}

/**
 * Checks a broadcast before its audience has arrived, by creating it without running it.
 *
 * @throws MimcError `MIMC_INVALID`
 */
export function checkBroadcast(mimc: MimcBroadcastService, request: BroadcastContent): void {
  void new BroadcastPass(mimc, request, nobody(), { signal: AbortSignal.abort() });
}

async function* nobody(): AsyncGenerator<string[]> {}
