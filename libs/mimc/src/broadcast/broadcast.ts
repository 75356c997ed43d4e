import { MimcError } from '../errors/mimc-error.js';
import { callerSignals } from '../pacing/abort-watch.js';
import type { Rule } from '../validation/rules.js';
import { invalid } from '../validation/violations.js';
import type { MimcAudience } from './audience.js';
import { AudienceChunk, AudienceReader, InvalidRecipient } from './audience-reader.js';
import { ChunkSender, countOf, isTransient, type SendingPlan } from './chunk-sender.js';
import type {
  MimcBroadcastOptions,
  MimcBroadcastOutcome,
  MimcBroadcastProgress,
  MimcBroadcastSummary,
} from './broadcast-options.js';
import { checkpointOf, type MimcBroadcastCheckpoint, restoredOutcome } from './checkpoint.js';
import { ConditionVariable } from './condition-variable.js';
import { SettledRanges } from './settled-ranges.js';
import { type Stop, Stoppage } from './stoppage.js';

/** What a broadcast is made of. */
export interface BroadcastPlan<R> extends SendingPlan<R> {
  audience: MimcAudience<R>;
  /** What a recipient must be. */
  rule: Rule;
  /** Aborts when the application begins to shut down. */
  closing: AbortSignal;
  /** It begins; returns what ends it. */
  begin: () => () => void;
  options: MimcBroadcastOptions<R> & { chunkSize: number };
}

/** An outcome that the loop has not taken yet. */
interface PendingOutcome<R> {
  readonly outcome: MimcBroadcastOutcome<R>;
  readonly isSettled: boolean;
}

const CONCURRENCY = 8;
const MAX_CONSECUTIVE_FAILURES = 10;

/**
 * One message on its way to an audience. Nothing is read or sent until it is iterated or drained, which can be done once.
 * It reads no faster than it sends, and sends no faster than its outcomes are taken. Leaving the loop ends it, and waits
 * for the chunks that are in flight.
 *
 * @example
 * for await (const chunk of broadcast) {
 *   if (!chunk.ok) logger.warn(`${chunk.error.code} at ${chunk.offset}`);
 *   await store.save(broadcast.checkpoint);
 * }
 */
export class Broadcast<R> implements AsyncIterable<MimcBroadcastOutcome<R>> {
  readonly #plan: BroadcastPlan<R>;
  readonly #settled: SettledRanges;
  readonly #reader: AudienceReader<R>;
  readonly #sender: ChunkSender<R>;
  readonly #stoppage = new Stoppage();
  readonly #changed = new ConditionVariable();
  readonly #ended = { accepted: 0, refused: 0, notSent: 0, unknown: 0, invalid: 0 };
  readonly #pending: PendingOutcome<R>[];
  #inFlight = 0;
  #failuresInARow = 0;
  /** Why a chunk was left for a resumed broadcast, of late. */
  #left: MimcError | undefined;
  #hasBegun = false;
  #isDrained = false;
  #isRead = false;
  #hasEnded = false;

  /** @internal {@link MimcBroadcastService} makes broadcasts. */
  constructor(plan: BroadcastPlan<R>) {
    const { audience, rule, options } = plan;
    const { chunkSize, dedupeWindow = 0, resume } = options;
    this.#plan = plan;
    this.#settled = new SettledRanges(resume);
    this.#reader = new AudienceReader(audience, { chunkSize, dedupeWindow, rule, settled: this.#settled });
    this.#sender = new ChunkSender(plan, this.#stoppage, (reason) => this.#stop(reason));
    const restored = (resume?.outcomes ?? []).map(restoredOutcome) as MimcBroadcastOutcome<R>[];
    this.#pending = restored.map((outcome) => ({ outcome, isSettled: true }));
  }

  /** Its progress, at any time. */
  get progress(): MimcBroadcastProgress {
    const { read, duplicates, skipped } = this.#reader;
    const { accepted, refused, unknown, invalid: notValid } = this.#ended;
    // In the end, every recipient that was read but not counted elsewhere was not sent: an incomplete chunk, or one read ahead.
    const rest = read - accepted - refused - unknown - notValid - duplicates - skipped;
    const notSent = this.#isDone() ? rest : this.#ended.notSent;
    return { read, accepted, refused, notSent, unknown, invalid: notValid, duplicates, skipped };
  }

  /**
   * What to resume from, at any time. Recipients that were accepted, refused, unknown or left out are settled; what is
   * `retryable` is not, and is sent again. Outcomes that the loop has not taken yet travel in it, for the resumed broadcast
   * to report first. After a crash, chunks that were in flight are sent again.
   */
  get checkpoint(): MimcBroadcastCheckpoint {
    const settled = this.#pending.filter(({ isSettled }) => isSettled);
    return checkpointOf(
      this.#settled,
      settled.map(({ outcome }) => outcome),
    );
  }

  /** How it ended, when it was drained or its loop has ended; undefined before. */
  get summary(): MimcBroadcastSummary | undefined {
    return this.#hasEnded ? this.#summary() : undefined;
  }

  /** Runs to the end. Chunks that fail do not make it reject. */
  async drain(): Promise<MimcBroadcastSummary> {
    const end = this.#begin();
    this.#isDrained = true;
    this.#pending.length = 0;
    while (!this.#isDone()) await this.#changed.wait();
    return end();
  }

  /** @throws TypeError when it was iterated before */
  async *[Symbol.asyncIterator](): AsyncGenerator<MimcBroadcastOutcome<R>, void, undefined> {
    const end = this.#begin();
    try {
      while (!this.#isDone() || this.#pending.length > 0) {
        const next = this.#pending.shift();
        if (next === undefined) await this.#changed.wait();
        else {
          this.#changed.notifyAll();
          yield next.outcome;
        }
      }
    } finally {
      await end();
    }
  }

  /** Begins to read and send; returns what ends it, early if need be, and waits for what is in flight. */
  #begin(): () => Promise<MimcBroadcastSummary> {
    if (this.#hasBegun) throw new TypeError('A broadcast can run only once; start a new one with `resume: checkpoint`');
    this.#hasBegun = true;
    const { options, closing } = this.#plan;
    const letGo = [
      this.#plan.begin(),
      this.#obey(options.signal, () => this.#stop({ stoppedBy: 'abort' })),
      this.#obey(closing, () => this.#stop({ stoppedBy: 'abort', error: closed() })),
    ];
    const reading = this.#read();
    return async () => {
      if (!this.#isDone()) this.#stop({ stoppedBy: 'abort' });
      await reading;
      while (this.#inFlight > 0) await this.#changed.wait();
      for (const stopObeying of letGo) stopObeying();
      this.#sender.end();
      this.#hasEnded = true;
      return this.#summary();
    };
  }

  #obey(signal: AbortSignal | undefined, onAbort: () => void): () => void {
    if (signal?.aborted) onAbort();
    else if (signal !== undefined) {
      callerSignals.add(signal, onAbort);
      return () => callerSignals.remove(signal, onAbort);
    }
    return () => undefined;
  }

  /** Whether every outcome is known. */
  #isDone(): boolean {
    return this.#isRead && this.#inFlight === 0;
  }

  /** An audience read to its end has not ended while recipients remain to be sent to. */
  #summary(): MimcBroadcastSummary {
    const left: Stop | undefined = this.#left && { stoppedBy: 'failures', error: this.#left };
    return { ...this.progress, stoppedBy: 'end', ...(this.#stoppage.reason ?? left) };
  }

  #stop(reason: Stop): void {
    this.#stoppage.stop(reason);
    this.#sender.end();
    this.#changed.notifyAll();
  }

  async #read(): Promise<void> {
    try {
      await this.#room();
      while (this.#stoppage.reason === undefined) {
        const batch = await this.#stoppage.unlessStopped(this.#reader.next());
        if (batch === undefined || batch.done === true) break;
        for (const piece of batch.value) {
          if (piece.kind === 'chunk') void this.#send(piece);
          else this.#reject(piece);
          if (this.#isFull()) await this.#room();
          if (this.#stoppage.reason !== undefined) break;
        }
      }
    } catch (error) {
      this.#stop({ stoppedBy: 'source-error', error });
    }
    await this.#reader.return();
    this.#isRead = true;
    this.#changed.notifyAll();
  }

  /** Whether the next piece has to wait. */
  #isFull(): boolean {
    const { concurrency = CONCURRENCY } = this.#plan.options;
    return this.#inFlight + this.#pending.length >= concurrency;
  }

  /** Waits for room for the next piece, until the broadcast is stopped. */
  async #room(): Promise<void> {
    while (this.#isFull() && this.#stoppage.reason === undefined) await this.#changed.wait();
  }

  async #send(chunk: AudienceChunk<R>): Promise<void> {
    this.#inFlight += 1;
    const outcome = await this.#sender.send(chunk);
    this.#inFlight -= 1;
    const count = countOf(outcome);
    this.#ended[count] += chunk.recipients.length;
    if (!outcome.ok && count === 'notSent') this.#left = outcome.error;
    const isSettled = count !== 'notSent';
    if (isSettled) for (const [from, to] of chunk.ranges) this.#settled.add(from, to);
    this.#judge(outcome);
    this.#report({ outcome, isSettled });
  }

  /** Stops the broadcast when an outcome calls for it. */
  #judge(outcome: MimcBroadcastOutcome<R>): void {
    const { stopAfterConsecutiveFailures: limit = MAX_CONSECUTIVE_FAILURES } = this.#plan.options;
    if (outcome.ok) this.#failuresInARow = 0;
    else if (outcome.error.code === 'MIMC_CLOSED') this.#stop({ stoppedBy: 'abort', error: outcome.error });
    else if (!isTransient(outcome.error)) {
      this.#failuresInARow += 1;
      const isTooMany = limit !== false && this.#failuresInARow >= limit;
      if (isTooMany) this.#stop({ stoppedBy: 'failures', error: outcome.error });
    }
  }

  #reject({ offset, recipient, rule }: InvalidRecipient): void {
    const field = `audience[${offset}]`;
    const hint = Array.isArray(recipient) ? '; an audience whose entries are pages is given as inPages(audience)' : '';
    const message = rule.message?.(recipient).replaceAll('$property', field) ?? `${field} ${rule.must}${hint}`;
    const error = new MimcError(invalid([{ field, rule: rule.name, message }]));
    this.#ended.invalid += 1;
    this.#settled.add(offset, offset + 1);
    this.#report({ outcome: { ok: false, offset, recipients: [recipient as R], error }, isSettled: true });
    if (this.#plan.options.onInvalid === 'stop') this.#stop({ stoppedBy: 'source-error', error });
  }

  #report(outcome: PendingOutcome<R>): void {
    if (!this.#isDrained) this.#pending.push(outcome);
    this.#changed.notifyAll();
  }
}

function closed(): MimcError {
  return new MimcError({ code: 'MIMC_CLOSED', outcome: 'not-sent', message: 'The application is shutting down' });
}
