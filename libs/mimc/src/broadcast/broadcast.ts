import { MimcError } from '../errors/mimc-error.js';
import type { BatchPushReceipt } from '../push/receipts.js';
import { AudienceChunk, AudiencePiece, AudienceReader, InvalidRecipient } from './audience-reader.js';
import type {
  MimcAudience,
  MimcBroadcastChunk,
  MimcBroadcastOptions,
  MimcBroadcastOutcome,
  MimcBroadcastProgress,
  MimcBroadcastSummary,
} from './broadcast-options.js';
import { Gate } from './gate.js';
import { MimcBroadcastCheckpoint, SettledRanges } from './settled-ranges.js';

/** What a broadcast is made of. */
export interface BroadcastPlan<R> {
  audience: MimcAudience<R>;
  isValid: (recipient: unknown) => boolean;
  /** Sends one chunk; `admissionSignal` ends one that was not sent yet. */
  send: (recipients: R[], admissionSignal: AbortSignal) => Promise<BatchPushReceipt>;
  options: MimcBroadcastOptions<R> & { chunkSize: number };
}

type BeforeChunk<R> = NonNullable<MimcBroadcastOptions<R>['beforeChunk']>;

type Stop = Required<Pick<MimcBroadcastSummary, 'stoppedBy'>> & Pick<MimcBroadcastSummary, 'error'>;

const CONCURRENCY = 8;
const MAX_CONSECUTIVE_FAILURES = 10;
/** How long the end of a broadcast waits for an audience that owes an entry or threw, and does not answer. */
const SILENT_SOURCE_MS = 1_000;

/**
 * One message on its way to an audience. Nothing is read or sent until it is iterated or drained, which can be done once.
 * It reads no faster than it sends, and sends no faster than its outcomes are taken. Leaving the loop ends it, and waits
 * for the chunks that are under way.
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
  readonly #ended = { accepted: 0, refused: 0, notSent: 0, unknown: 0, invalid: 0 };
  readonly #admission = new AbortController();
  readonly #changed = new Gate();
  /** Chunks that wait for `beforeChunk`. */
  readonly #hooks = new Set<() => void>();
  readonly #outcomes: MimcBroadcastOutcome<R>[] = [];
  #underWay = 0;
  #failuresInARow = 0;
  #hasBegun = false;
  /** Settles when the audience has given the entries that it was asked for; undefined when none is. */
  #reading: Promise<unknown> | undefined;
  #isRead = false;
  #stopped: Stop | undefined;
  #interruptReader: () => void = () => undefined;

  /** @internal {@link MimcBroadcastService} makes broadcasts. */
  constructor(plan: BroadcastPlan<R>) {
    const { audience, isValid, options } = plan;
    this.#plan = plan;
    this.#settled = new SettledRanges(options.resume);
    this.#reader = new AudienceReader(audience, {
      chunkSize: options.chunkSize,
      dedupeWindow: options.dedupeWindow ?? 0,
      isValid,
      settled: this.#settled,
    });
  }

  /** How far it is, at any time. */
  get progress(): MimcBroadcastProgress {
    const { read, duplicates, skipped } = this.#reader;
    const { accepted, refused, unknown, invalid } = this.#ended;
    // In the end, whoever was read and is nothing else was not sent: a rest that made no chunk, or one read too far.
    const rest = read - accepted - refused - unknown - invalid - duplicates - skipped;
    const notSent = this.#isOver() ? rest : this.#ended.notSent;
    return { read, accepted, refused, notSent, unknown, invalid, duplicates, skipped };
  }

  /**
   * What to resume from, at any time. Recipients that were accepted, refused, unknown or left out are settled. A chunk is
   * settled when its outcome is known: after a crash, those that were under way are sent again.
   */
  get checkpoint(): MimcBroadcastCheckpoint {
    return this.#settled.toCheckpoint();
  }

  /** Runs to the end. Chunks that fail do not make it reject. */
  async drain(): Promise<MimcBroadcastSummary> {
    const end = this.#begin();
    while (!this.#isOver()) {
      if (this.#outcomes.length === 0) await this.#changed.wait();
      this.#outcomes.length = 0;
      this.#changed.open();
    }
    await end();
    return { ...this.progress, stoppedBy: 'end', ...this.#stopped };
  }

  /** @throws TypeError when it was iterated before */
  async *[Symbol.asyncIterator](): AsyncGenerator<MimcBroadcastOutcome<R>, void, undefined> {
    const end = this.#begin();
    try {
      while (!this.#isOver()) {
        const outcome = this.#outcomes.shift();
        if (outcome === undefined) await this.#changed.wait();
        else {
          this.#changed.open();
          yield outcome;
        }
      }
    } finally {
      await end();
    }
  }

  /** Begins to read and send; returns what ends it, early if need be, and waits for what is under way. */
  #begin(): () => Promise<void> {
    if (this.#hasBegun) throw new TypeError('A broadcast runs once; make another one with its checkpoint');
    this.#hasBegun = true;
    const { signal } = this.#plan.options;
    const onAbort = () => this.#stop({ stoppedBy: 'abort' });
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
    const reading = this.#read();
    return async () => {
      if (!this.#isOver()) this.#stop({ stoppedBy: 'abort' });
      await reading;
      while (this.#underWay > 0) await this.#changed.wait();
      // Nobody will take these any more.
      this.#outcomes.length = 0;
      signal?.removeEventListener('abort', onAbort);
    };
  }

  #isOver(): boolean {
    return this.#isRead && this.#underWay === 0 && this.#outcomes.length === 0;
  }

  /** The first reason counts. */
  #stop(stop: Stop): void {
    this.#stopped ??= stop;
    this.#reader.stop();
    this.#admission.abort();
    this.#interruptReader();
    for (const goOn of this.#hooks) goOn();
    this.#changed.open();
  }

  async #read(): Promise<void> {
    try {
      while (this.#stopped === undefined) {
        if (!this.#hasRoom()) await this.#changed.wait();
        else {
          const piece = this.#reader.take() ?? (await this.#nextUnlessStopped());
          if (piece === undefined) break;
          if (piece.kind === 'chunk') void this.#send(piece);
          else this.#reject(piece);
        }
      }
      await this.#closeSource();
    } catch (error) {
      this.#stop({ stoppedBy: 'source-error', error });
      // It may have been a page that threw.
      await forAWhile(this.#reader.close());
    }
    this.#isRead = true;
    this.#changed.open();
  }

  /** Whether another chunk may be under way. */
  #hasRoom(): boolean {
    const { concurrency = CONCURRENCY } = this.#plan.options;
    return this.#underWay + this.#outcomes.length < concurrency;
  }

  /** Not `Promise.race` with one promise for the stop, which would remember every chunk until then. */
  #nextUnlessStopped(): Promise<AudiencePiece<R> | undefined> {
    return new Promise((resolve, reject) => {
      this.#interruptReader = () => resolve(undefined);
      const isRead = () => (this.#reading = undefined);
      const next = this.#reader.next();
      this.#reading = next;
      next.then(isRead, isRead);
      next.then(resolve, reject);
    });
  }

  /** Lets the audience release what it holds, and waits for it; one that owes an entry may never give it, so not for long. */
  async #closeSource(): Promise<void> {
    if (this.#reading === undefined) return this.#reader.close();
    await forAWhile(this.#reading.then(() => this.#reader.close()));
  }

  async #send(chunk: AudienceChunk<R>): Promise<void> {
    this.#underWay += 1;
    const outcome = await this.#outcomeOf(chunk);
    this.#underWay -= 1;
    const kind = outcome.ok ? 'accepted' : KINDS[outcome.error.outcome];
    this.#ended[kind] += chunk.recipients.length;
    if (kind !== 'notSent') for (const [from, to] of chunk.ranges) this.#settled.add(from, to);
    this.#judge(outcome);
    this.#outcomes.push(outcome);
    this.#changed.open();
  }

  async #outcomeOf({ offset, recipients }: AudienceChunk<R>): Promise<MimcBroadcastOutcome<R>> {
    const { beforeChunk } = this.#plan.options;
    const chunk = { offset, recipients };
    if (beforeChunk !== undefined) await this.#ask(beforeChunk, chunk);
    if (this.#stopped !== undefined) return { ok: false, offset, recipients, error: aborted() };
    try {
      const receipt = await this.#plan.send(recipients, this.#admission.signal);
      return { ok: true, offset, recipients, receipt };
    } catch (error) {
      return { ok: false, offset, recipients, error: MimcError.is(error) ? error : unexpected(error) };
    }
  }

  /** A hook that throws ends the broadcast; one that never answers cannot hold up its end. */
  async #ask(beforeChunk: BeforeChunk<R>, chunk: MimcBroadcastChunk<R>): Promise<void> {
    if (this.#stopped !== undefined) return;
    // It may keep the chunk, but not change who is sent to.
    Object.freeze(chunk.recipients);
    await new Promise<void>((resolve) => {
      const answered = (async () => beforeChunk(chunk))().catch((error: unknown) => {
        this.#stop({ stoppedBy: 'abort', error });
      });
      const goOn = () => {
        this.#hooks.delete(goOn);
        resolve();
      };
      this.#hooks.add(goOn);
      if (this.#admission.signal.aborted) goOn();
      void answered.then(goOn);
    });
  }

  /** Whether the broadcast is to go on after an outcome. */
  #judge(outcome: MimcBroadcastOutcome<R>): void {
    const { stopAfterConsecutiveFailures: limit = MAX_CONSECUTIVE_FAILURES } = this.#plan.options;
    this.#failuresInARow = outcome.ok ? 0 : this.#failuresInARow + 1;
    if (outcome.ok || this.#stopped !== undefined) return;
    const { error } = outcome;
    if (error.code === 'MIMC_CLOSED') this.#stop({ stoppedBy: 'abort', error });
    else if (limit !== false && this.#failuresInARow >= limit) this.#stop({ stoppedBy: 'failures', error });
  }

  #reject({ offset, recipient }: InvalidRecipient): void {
    const violation = {
      field: `audience[${offset}]`,
      rule: 'isRecipient',
      message: `audience[${offset}] is no recipient`,
    };
    const { message } = violation;
    const error = new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message, violations: [violation] });
    this.#ended.invalid += 1;
    this.#settled.add(offset, offset + 1);
    this.#outcomes.push({ ok: false, offset, recipients: [recipient as R], error });
    this.#changed.open();
    if (this.#plan.options.onInvalid === 'stop') this.#stop({ stoppedBy: 'source-error', error });
  }
}

const KINDS = { 'not-sent': 'notSent', refused: 'refused', unknown: 'unknown' } as const;

/** Waits for an audience that is closed, whatever comes of it, but not for ever. */
async function forAWhile(closed: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, SILENT_SOURCE_MS)));
  await Promise.race([closed.catch(() => undefined), patience]);
  clearTimeout(timer);
}

function aborted(): MimcError {
  return new MimcError({ code: 'MIMC_ABORTED', outcome: 'not-sent', message: 'The broadcast was stopped' });
}

/** What is no error of ours proves nothing. */
function unexpected(error: unknown): MimcError {
  const name = error instanceof Error ? error.name : typeof error;
  return new MimcError({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', message: `The chunk failed (${name})` });
}
