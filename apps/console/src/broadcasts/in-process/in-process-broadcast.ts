import { MimcError, type MimcBroadcastCheckpoint, type MimcBroadcastService } from 'nestjs-mimc';
import type { StoredAudience } from '../audience/audience-spool.js';
import { BroadcastPass, type ChunkOutcome, type PassEnd } from '../broadcast-pass.js';
import type { BroadcastRequest } from '../broadcast-request.js';
import { addProgress, type BroadcastState, type BroadcastStatus, isFinal, NO_PROGRESS } from '../broadcast-state.js';
import { FailureList } from './failure-list.js';

/**
 * A broadcast over its pauses. A pause ends the pass and a resume begins another at its checkpoint, rather than holding
 * chunks back by a hook: those that wait for quota already would still go out.
 */
export class InProcessBroadcast {
  readonly #createdAt = new Date().toISOString();
  readonly #failures = new FailureList();
  #status: BroadcastStatus = 'running';
  /** What a stop is to end in. */
  #wanted: 'paused' | 'cancelled' | undefined;
  #controller = new AbortController();
  #pass: BroadcastPass | undefined;
  #running: Promise<void>;
  #end: PassEnd | undefined;
  #progress = NO_PROGRESS;
  #checkpoint: MimcBroadcastCheckpoint = { watermark: 0, ranges: [] };
  #finishedAt: string | undefined;

  constructor(
    private readonly mimc: MimcBroadcastService,
    private readonly request: BroadcastRequest,
    private readonly audience: StoredAudience,
  ) {
    this.#running = this.#run();
  }

  get state(): BroadcastState {
    const { id, kind } = this.request;
    return {
      id,
      kind,
      state: this.#status,
      ...(this.#end && { stoppedBy: this.#end.stoppedBy }),
      ...(this.#end?.error !== undefined && { error: describe(this.#end.error) }),
      total: this.audience.count,
      progress: this.#pass ? addProgress(this.#progress, this.#pass.progress) : this.#progress,
      checkpoint: this.#pass?.checkpoint ?? this.#checkpoint,
      failures: this.#failures.toArray(),
      failuresOmitted: this.#failures.omitted,
      createdAt: this.#createdAt,
      ...(this.#finishedAt && { finishedAt: this.#finishedAt }),
    };
  }

  /** Comes to rest when what was sent has its answer; paused then, unless it ended otherwise before. */
  async pause(): Promise<void> {
    await this.#stop('paused');
  }

  async resume(): Promise<void> {
    // One pass at a time. Of several who wait here only the first begins another.
    if (this.#wanted !== undefined) await this.#running;
    if (this.#status === 'paused' || this.#status === 'failed') this.#running = this.#run();
  }

  async cancel(): Promise<void> {
    await this.#stop('cancelled');
    if (this.#status === 'paused' || this.#status === 'failed') await this.#rest('cancelled');
  }

  async #stop(wanted: 'paused' | 'cancelled'): Promise<void> {
    if (this.#status !== 'running') return;
    this.#wanted = this.#wanted === 'cancelled' ? 'cancelled' : wanted;
    this.#controller.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#status = 'running';
    this.#wanted = undefined;
    this.#end = undefined;
    this.#finishedAt = undefined;
    this.#controller = new AbortController();
    const end = await this.#runPass();
    this.#end = end;
    await this.#rest(this.#statusAfter(end));
  }

  async #runPass(): Promise<PassEnd> {
    const options = { signal: this.#controller.signal, resume: this.#checkpoint };
    const pass = new BroadcastPass(this.mimc, this.request, this.audience.read(), options);
    this.#pass = pass;
    const end = await pass.run((outcome) => this.#note(outcome));
    this.#progress = addProgress(this.#progress, pass.progress);
    this.#checkpoint = pass.checkpoint;
    this.#pass = undefined;
    return end;
  }

  #note(outcome: ChunkOutcome): void {
    // What a stop left unsent, or what is retryable, is not lost: the next pass sends it.
    const isLeft = !outcome.ok && (outcome.error.code === 'MIMC_ABORTED' || outcome.error.retryable);
    if (!outcome.ok && !isLeft) this.#failures.add(outcome);
  }

  #statusAfter({ stoppedBy }: PassEnd): BroadcastStatus {
    if (stoppedBy === 'end') return 'done';
    // Without a wish it was the shutdown, after which nothing goes on in this process.
    return stoppedBy === 'abort' ? (this.#wanted ?? 'cancelled') : 'failed';
  }

  async #rest(status: BroadcastStatus): Promise<void> {
    this.#status = status;
    if (status !== 'paused') this.#finishedAt = new Date().toISOString();
    if (isFinal(status)) await this.audience.discard();
  }
}

/** An error of the system may name a path of this machine. */
function describe(error: unknown): { code?: string; message: string } {
  if (MimcError.is(error)) return { code: error.code, message: error.message };
  return { message: 'The stored audience could not be read' };
}
