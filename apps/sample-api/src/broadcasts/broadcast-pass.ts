import type {
  Broadcast,
  MimcBroadcastCheckpoint,
  MimcBroadcastOutcome,
  MimcBroadcastProgress,
  MimcBroadcastService,
  MimcBroadcastSummary,
  TopicId,
} from 'nestjs-mimc';
import type { BroadcastRequest } from './broadcast-request.js';

export type ChunkOutcome = MimcBroadcastOutcome<string> | MimcBroadcastOutcome<TopicId>;

/** Why a pass ended. */
export type PassEnd = Pick<MimcBroadcastSummary, 'stoppedBy' | 'error'>;

/** How far a pass goes. */
export interface PassOptions {
  signal: AbortSignal;
  resume?: MimcBroadcastCheckpoint;
}

/** The library's own default, given to it so that both count alike. */
const MAX_CONSECUTIVE_FAILURES = 10;

/**
 * A broadcast from its start, or from a checkpoint, until it ends or is stopped. Iterating gives the outcomes and draining
 * gives the reason of the end; this gives both.
 */
export class BroadcastPass {
  readonly #broadcast: Broadcast<string> | Broadcast<TopicId>;
  readonly #signal: AbortSignal;
  readonly #maxFailures: number;
  #sourceEnd: PassEnd | undefined;
  #stopped: PassEnd | undefined;
  #failuresInARow = 0;

  /** @throws MimcError `MIMC_INVALID` when the message or the options are no such thing */
  constructor(
    mimc: MimcBroadcastService,
    { kind, message, options }: Omit<BroadcastRequest, 'id'>,
    audience: AsyncIterable<string[]>,
    { signal, resume }: PassOptions,
  ) {
    const { stopAfterConsecutiveFailures = MAX_CONSECUTIVE_FAILURES } = options;
    this.#signal = signal;
    this.#maxFailures = stopAfterConsecutiveFailures === false ? Infinity : stopAfterConsecutiveFailures;
    const all = { ...options, stopAfterConsecutiveFailures, signal, ...(resume !== undefined && { resume }) };
    const watched = this.#watch(audience);
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
    for await (const outcome of this.#broadcast) {
      this.#judge(outcome);
      await onOutcome(outcome);
    }
    if (this.#stopped !== undefined) return this.#stopped;
    // Stopped when nothing was left to stop is an end like any other.
    if (this.#signal.aborted && this.progress.notSent > 0) return { stoppedBy: 'abort' };
    return this.#sourceEnd ?? { stoppedBy: 'abort' };
  }

  async *#watch(audience: AsyncIterable<string[]>): AsyncGenerator<string[]> {
    try {
      yield* audience;
      this.#sourceEnd = { stoppedBy: 'end' };
    } catch (error) {
      this.#sourceEnd = { stoppedBy: 'source-error', error };
      throw error;
    }
  }

  /** As the broadcast judges by itself without telling. */
  #judge(outcome: ChunkOutcome): void {
    if (!outcome.ok && isNoRecipient(outcome)) return;
    this.#failuresInARow = outcome.ok ? 0 : this.#failuresInARow + 1;
    if (outcome.ok || this.#stopped !== undefined || this.#signal.aborted) return;
    const { error } = outcome;
    if (error.code === 'MIMC_CLOSED') this.#stopped = { stoppedBy: 'abort', error };
    else if (this.#failuresInARow >= this.#maxFailures) this.#stopped = { stoppedBy: 'failures', error };
  }
}

/** An entry of the audience that was in no chunk. */
function isNoRecipient({ error }: Extract<ChunkOutcome, { ok: false }>): boolean {
  return error.violations?.[0]?.rule === 'isRecipient';
}

/**
 * Checks a broadcast before its audience is there: it is made and not run.
 *
 * @throws MimcError `MIMC_INVALID`
 */
export function checkBroadcast(mimc: MimcBroadcastService, request: BroadcastRequest): void {
  void new BroadcastPass(mimc, request, nobody(), { signal: AbortSignal.abort() });
}

async function* nobody(): AsyncGenerator<string[]> {}
