import { MimcError, notSent, unexpected } from '../errors/mimc-error.js';
import type { BatchPushReceipt } from '../push/receipts.js';
import type { AudienceChunk } from './audience-reader.js';
import { Backoff } from './backoff.js';
import type { MimcBroadcastOptions, MimcBroadcastOutcome } from './broadcast-options.js';
import type { Stop, Stoppage } from './stoppage.js';

const GIVE_UP_AFTER_MS = 600_000;

/** How the chunks of a broadcast are sent. */
export interface SendingPlan<R> {
  /** Sends one chunk; `admissionSignal` ends one that was not sent yet. */
  send: (recipients: R[], admissionSignal: AbortSignal) => Promise<BatchPushReceipt>;
  options: Pick<MimcBroadcastOptions<R>, 'beforeChunk' | 'giveUpAfterMs'>;
}

/** Sends chunks, each again for as long as its failure is transient: the one definition of that in a broadcast. */
export class ChunkSender<R> {
  readonly #plan: SendingPlan<R>;
  readonly #stoppage: Stoppage;
  readonly #stop: (reason: Stop) => void;
  readonly #giveUpAfterMs: number | false;
  readonly #backoff: Backoff;

  /** @param stop ends the broadcast */
  constructor(plan: SendingPlan<R>, stoppage: Stoppage, stop: (reason: Stop) => void) {
    this.#plan = plan;
    this.#stoppage = stoppage;
    this.#stop = stop;
    this.#giveUpAfterMs = plan.options.giveUpAfterMs ?? GIVE_UP_AFTER_MS;
    this.#backoff = new Backoff(this.#giveUpAfterMs);
  }

  /** Wakes chunks that wait for the end of a pause, as the broadcast has been stopped. */
  end(): void {
    this.#backoff.end();
  }

  /** What came of a chunk in the end. It never rejects. */
  async send({ offset, recipients }: AudienceChunk<R>): Promise<MimcBroadcastOutcome<R>> {
    if (this.#plan.options.beforeChunk !== undefined) await this.#ask(offset, recipients);
    let error: MimcError | undefined;
    let failingSince: number | undefined;
    for (;;) {
      // Without a pause at once, before the next chunk is read.
      if (this.#backoff.isPaused) await this.#backoff.over();
      const { pauses } = this.#backoff;
      if (this.#stoppage.reason !== undefined) break;
      try {
        const receipt = await this.#plan.send(recipients, this.#stoppage.signal);
        this.#backoff.succeeded();
        return { ok: true, offset, recipients, receipt };
      } catch (thrown) {
        error = MimcError.is(thrown) ? thrown : unexpected('The chunk', thrown);
      }
      if (!isTransient(error) || this.#stoppage.reason !== undefined) break;
      failingSince ??= performance.now();
      // While other chunks succeed, this one alone is given up.
      if (this.#giveUpAfterMs !== false && performance.now() - failingSince >= this.#giveUpAfterMs) break;
      this.#backOff(pauses, error);
    }
    return { ok: false, offset, recipients, error: error ?? aborted() };
  }

  #backOff(sentAfter: number, error: MimcError): void {
    this.#backoff.failed(sentAfter, error.retryAfterMs ?? 0, () => this.#stop({ stoppedBy: 'failures', error }));
  }

  /** A hook that throws ends the broadcast; one that never answers cannot hold up its end. */
  async #ask(offset: number, recipients: readonly R[]): Promise<void> {
    // It may keep the chunk, but not change who is sent to.
    Object.freeze(recipients);
    const answer = async () => this.#plan.options.beforeChunk?.({ offset, recipients });
    if (this.#stoppage.reason !== undefined) return;
    await this.#stoppage.unlessStopped(answer()).catch((error: unknown) => this.#stop({ stoppedBy: 'abort', error }));
  }
}

/** A failure that passes by itself, so that the same chunk may succeed later. */
export function isTransient({ retryable, code }: MimcError): boolean {
  return retryable && code !== 'MIMC_CLOSED';
}

/**
 * What is retryable counts as not sent, also when it was refused: it is to be sent again. So does a chunk that was stopped
 * between two attempts, as only a throttled one is tried again after a refusal.
 */
export function countOf(outcome: MimcBroadcastOutcome<unknown>): 'accepted' | 'refused' | 'notSent' | 'unknown' {
  if (outcome.ok) return 'accepted';
  const { outcome: of, retryable, code } = outcome.error;
  if (of === 'unknown') return of;
  return of === 'not-sent' || retryable || code === 'MIMC_ABORTED' ? 'notSent' : of;
}

function aborted(): MimcError {
  return notSent('MIMC_ABORTED', 'The broadcast was stopped');
}
