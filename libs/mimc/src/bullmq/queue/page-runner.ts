import { MimcError, type MimcPushService, type PushOptions } from '../../index.js';
import { MAX_TIMER_MS, unexpected } from '../../internals.js';
import type { ChunkOutcome, OpenPage, PageStore } from './page-store.js';
import type { MimcChunkRetryOptions } from './queue-options.js';
import type { MimcFailedChunk } from './queued-broadcast.js';

/**
 * How a run of a page ended: nothing is left to do for this job; chunks are to be tried again after a time; or the process
 * is shutting down and another one is to take the page.
 */
export type PageEnd =
  { readonly is: 'over' } | { readonly is: 'retry'; readonly afterMs: number } | { readonly is: 'closing' };

type Sent = { readonly is: 'settled' } | Exclude<PageEnd, { is: 'over' }>;

/** What is not to be counted, as the broadcast did not fail but this process ends. */
const CLOSING = new Set(['MIMC_CLOSED', 'MIMC_ABORTED']);

/**
 * Sends the chunks of one page, one after the other.
 *
 * The claim of a chunk is written before the push is called, so before it waits for quota, rather than at the moment of
 * dispatch. That is sound: whoever has the claim is the only one ever to send, however long he stalls in between, as
 * nobody else is granted it. Its price is that a worker which dies while it waits for quota leaves an `unknown` of which
 * in truth nothing was sent. A push that says `not-sent` gives its claim back, by its token.
 */
export class PageRunner {
  constructor(
    private readonly push: MimcPushService,
    private readonly retry: MimcChunkRetryOptions,
    /** Ends the waiting for quota when the process shuts down; requests under way finish. */
    private readonly closing: AbortSignal,
  ) {}

  async run(store: PageStore): Promise<PageEnd> {
    const page = await store.open();
    if (page === undefined) return { is: 'over' };
    let retryAfterMs = -1;
    for (let chunk = 0; chunk < page.chunks.length; chunk += 1) {
      if (this.closing.aborted) return { is: 'closing' };
      const claim = await store.claim(chunk);
      switch (claim.is) {
        case 'settled':
          break;
        case 'stale':
          return { is: 'over' };
        case 'paused':
          if (await store.park()) return { is: 'over' };
          // It was resumed in between.
          chunk -= 1;
          break;
        case 'cancelled':
          await store.settle({ chunk, outcome: 'notSent', by: 'dropped', record: recordOf(page, chunk, CANCELLED) });
          break;
        case 'abandoned':
          await store.settle({
            chunk,
            outcome: 'unknown',
            by: 'abandoned',
            token: claim.token,
            record: recordOf(page, chunk, ABANDONED),
          });
          break;
        case 'claimed': {
          const sent = await this.#send(store, page, chunk, claim.attempt);
          if (sent.is === 'closing') return sent;
          if (sent.is === 'retry') retryAfterMs = Math.max(retryAfterMs, sent.afterMs);
        }
      }
    }
    return retryAfterMs < 0 ? { is: 'over' } : { is: 'retry', afterMs: retryAfterMs };
  }

  async #send(store: PageStore, page: OpenPage, chunk: number, attempt: number): Promise<Sent> {
    const error = await this.#push(page, page.chunks[chunk]?.[1] ?? []);
    if (error === undefined) {
      await store.settle({ chunk, outcome: 'accepted', by: 'own' });
      return { is: 'settled' };
    }
    // Refused and then stopped is a chunk that was throttled: only such a one is tried again after a refusal.
    if (error.outcome !== 'unknown' && CLOSING.has(error.code)) {
      if (await store.release(chunk)) return { is: 'closing' };
    } else if (mayRepeat(error, page) && attempt < page.maxAttempts) {
      const reason = { code: error.code, message: error.message };
      if (await store.release(chunk, reason)) return { is: 'retry', afterMs: this.#backoffMs(attempt, error) };
    }
    await store.settle({ chunk, outcome: COUNTS[error.outcome], by: 'own', record: recordOf(page, chunk, error) });
    return { is: 'settled' };
  }

  async #push({ kind, message, delivery }: OpenPage, recipients: readonly string[]): Promise<MimcError | undefined> {
    const options: PushOptions = {
      priority: 'bulk',
      // A chunk waits for quota as long as it takes; the time limits of an attempt still hold.
      deadlineMs: MAX_TIMER_MS,
      retry: { delivery },
      admissionSignal: this.closing,
    };
    try {
      if (kind === 'accounts') await this.push.toAccounts({ ...message, toAccounts: [...recipients] }, options);
      else await this.push.toTopics({ ...message, topicIds: [...recipients] }, options);
      return undefined;
    } catch (error) {
      return MimcError.is(error) ? error : unexpected('The chunk', error);
    }
  }

  #backoffMs(attempt: number, { retryAfterMs = 0 }: MimcError): number {
    const { baseDelayMs, maxDelayMs } = this.retry;
    return Math.max(retryAfterMs, Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)));
  }
}

const COUNTS: Readonly<Record<MimcError['outcome'], ChunkOutcome>> = {
  'not-sent': 'notSent',
  refused: 'refused',
  unknown: 'unknown',
};

type Why = Pick<MimcFailedChunk, 'outcome' | 'message' | 'code' | 'httpStatus' | 'apiCode'>;

const CANCELLED: Why = { outcome: 'not-sent', message: 'The broadcast was cancelled' };

const ABANDONED: Why = { outcome: 'unknown', message: 'The worker that had claimed the chunk was not heard of again' };

function recordOf({ chunks }: OpenPage, chunk: number, why: Why): MimcFailedChunk {
  const [offset, recipients] = chunks[chunk] ?? [0, []];
  const { outcome, message, code, httpStatus, apiCode } = why;
  return { offset, outcome, recipients, code, message, httpStatus, apiCode };
}

/** What provably did nothing and may go well later; with at-least-once delivery also what may have been sent. */
function mayRepeat({ retryable, outcome }: MimcError, { delivery }: OpenPage): boolean {
  return retryable || (outcome === 'unknown' && delivery === 'at-least-once');
}
