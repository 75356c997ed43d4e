import { MimcError, type MimcBroadcastCheckpoint, type MimcBroadcastService } from 'nestjs-mimc';
import type { StoredAudience } from '../audience/audience-spool.js';
import { BroadcastPass, type ChunkOutcome, type PassEnd } from '../broadcast-pass.js';
import type { BroadcastRequest } from '../broadcast-request.js';
import {
  addProgress,
  type BroadcastFailure,
  type BroadcastProgress,
  type BroadcastState,
  type BroadcastStatus,
  NO_PROGRESS,
  settledOf,
} from '../broadcast-state.js';
import { FailureLog } from './failure-log.js';
import { reopened, unsettled } from './open-ranges.js';

/** The longest delay of a Node.js timer, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A broadcast across its pauses. A pause ends the pass, and a resume starts another from its checkpoint. Holding chunks back
 * in a hook would not be enough: those already waiting for quota would still be sent.
 */
export class InProcessBroadcast {
  readonly #createdAt = new Date().toISOString();
  #failures: FailureLog;
  #logs = 0;
  #status: BroadcastStatus = 'scheduled';
  /** The state that a stop leads to. */
  #wanted: 'paused' | 'cancelled' | undefined;
  #controller = new AbortController();
  #pass: BroadcastPass | undefined;
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #error: unknown;
  #progress = NO_PROGRESS;
  #checkpoint: MimcBroadcastCheckpoint = { watermark: 0, ranges: [] };
  #finishedAt: string | undefined;

  constructor(
    private readonly mimc: MimcBroadcastService,
    private readonly request: BroadcastRequest,
    private readonly audience: StoredAudience,
  ) {
    this.#failures = this.#newLog();
    this.#begin();
  }

  get state(): BroadcastState {
    const { id, kind, startAt } = this.request;
    return {
      id,
      kind,
      state: this.#status,
      ...(this.#error !== undefined && { error: describe(this.#error) }),
      total: this.audience.count,
      progress: this.#allProgress(),
      failures: this.#failures.listed,
      failuresOmitted: this.#failures.omitted,
      createdAt: this.#createdAt,
      ...(startAt && { startAt: startAt.toISOString() }),
      ...(this.#finishedAt && { finishedAt: this.#finishedAt }),
    };
  }

  get isOver(): boolean {
    return this.#finishedAt !== undefined;
  }

  /** Resolves when the requests in flight are answered; it is then paused, unless it ended first. */
  async pause(): Promise<void> {
    await this.#stop('paused');
  }

  async resume(): Promise<void> {
    // One pass at a time: of several waiting calls only the first starts another.
    if (this.#wanted !== undefined) await this.#running;
    if (this.#status === 'paused') this.#begin();
  }

  async cancel(): Promise<void> {
    await this.#stop('cancelled');
    if (this.#status === 'paused') await this.#rest('cancelled');
  }

  /** Sends again to recipients who were refused, and to those left by a cancellation. */
  async resend(): Promise<void> {
    const { refused, notSent } = this.#allProgress();
    if (!this.isOver || refused + notSent === 0) return;
    // From now on it is not over, so that it is restarted only once.
    this.#start();
    const reopening = this.#reopen();
    this.#running = reopening.then(
      () => this.#run(),
      (error: unknown) => this.#fail(error),
    );
    await reopening.catch(() => undefined);
  }

  async *failures(): AsyncGenerator<BroadcastFailure, void, undefined> {
    yield* this.#failures.read();
    const at = this.#finishedAt;
    if (this.#status !== 'cancelled' || at === undefined) return;
    for await (const { offset, recipients } of unsettled(this.audience.read(), this.#checkpoint)) {
      yield { offset, recipients, outcome: 'cancelled', message: 'The broadcast was cancelled', at };
    }
  }

  /** Removes its files. */
  async discard(): Promise<void> {
    await Promise.all([this.audience.discard(), this.#failures.discard()]);
  }

  #allProgress(): BroadcastProgress {
    const progress = this.#pass ? addProgress(this.#progress, this.#pass.progress) : this.#progress;
    // What a pause left unsent is sent later.
    return { ...progress, notSent: this.isOver ? this.audience.count - settledOf(progress) : 0 };
  }

  async #stop(wanted: 'paused' | 'cancelled'): Promise<void> {
    if (this.#status === 'scheduled') {
      clearTimeout(this.#timer);
      return this.#rest(wanted);
    }
    if (this.#status !== 'running') return;
    this.#wanted = this.#wanted === 'cancelled' ? 'cancelled' : wanted;
    this.#controller.abort();
    await this.#running;
  }

  /** Starts now, or at its start time. */
  #begin(): void {
    const leftMs = (this.request.startAt?.getTime() ?? 0) - Date.now();
    this.#start();
    if (leftMs > 0) {
      this.#status = 'scheduled';
      this.#timer = setTimeout(() => this.#begin(), Math.min(leftMs, MAX_TIMER_MS)).unref();
    } else this.#running = this.#run();
  }

  #start(): void {
    this.#status = 'running';
    this.#wanted = undefined;
    this.#error = undefined;
    this.#finishedAt = undefined;
    this.#controller = new AbortController();
  }

  async #run(): Promise<void> {
    const { stoppedBy, error } = await this.#runPass();
    // A stop with nothing left to send counts as a normal end.
    if (settledOf(this.#progress) === this.audience.count) return this.#rest('done');
    // Without a requested state this is the shutdown, after which nothing runs in this process.
    if (stoppedBy === 'abort') return this.#rest(this.#wanted ?? 'cancelled');
    await this.#fail(error);
  }

  async #fail(error: unknown): Promise<void> {
    this.#error = error;
    await this.#rest('paused');
  }

  async #runPass(): Promise<PassEnd> {
    const options = { signal: this.#controller.signal, resume: this.#checkpoint };
    const pass = new BroadcastPass(this.mimc, this.request, this.audience.read(), options);
    this.#pass = pass;
    try {
      return await pass.run((outcome) => this.#note(outcome));
    } catch (error) {
      return { stoppedBy: 'source-error', error };
    } finally {
      this.#progress = addProgress(this.#progress, pass.progress);
      this.#checkpoint = pass.checkpoint;
      this.#pass = undefined;
    }
  }

  async #note(outcome: ChunkOutcome): Promise<void> {
    if (outcome.ok) return;
    const { offset, recipients, error } = outcome;
    const { code, httpStatus, apiCode, message, retryable } = error;
    const isInvalid = code === 'MIMC_INVALID';
    // The next pass sends to these.
    if (!isInvalid && (retryable || error.outcome === 'not-sent' || code === 'MIMC_ABORTED')) return;
    await this.#failures.add({
      offset,
      recipients: recipients.map(String),
      outcome: isInvalid ? 'invalid' : error.outcome,
      code,
      ...(httpStatus && { httpStatus }),
      ...(apiCode && { apiCode }),
      message,
      at: new Date().toISOString(),
    });
  }

  async #reopen(): Promise<void> {
    const [before, kept, again] = [this.#failures, this.#newLog(), [] as BroadcastFailure[]];
    for await (const failure of before.read()) {
      if (failure.outcome === 'refused') again.push(failure);
      else await kept.add(failure);
    }
    this.#checkpoint = await reopened(this.#checkpoint, this.audience.read(), again);
    this.#progress = { ...this.#progress, refused: 0 };
    this.#failures = kept;
    await before.discard();
  }

  #newLog(): FailureLog {
    return new FailureLog(`${this.audience.path}.failures-${(this.#logs += 1)}`);
  }

  async #rest(status: 'paused' | 'cancelled' | 'done'): Promise<void> {
    this.#status = status;
    if (status === 'paused') return;
    this.#finishedAt = new Date().toISOString();
    // Needed as long as refused or unsent recipients may be sent to again.
    if (status === 'done' && this.#progress.refused === 0) await this.audience.discard();
  }
}

/** The message of a system error may contain a path of this machine. */
function describe(error: unknown): { code?: string; message: string } {
  if (MimcError.is(error)) return { code: error.code, message: error.message };
  return { message: 'A file of this server could not be read or written' };
}
