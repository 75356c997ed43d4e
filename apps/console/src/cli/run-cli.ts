import { appendFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { MimcError, type MimcBroadcastService } from 'nestjs-mimc';
import { BroadcastPass, type ChunkOutcome, type PassEnd } from '../broadcasts/broadcast-pass.js';
import { addProgress, NO_PROGRESS, settledOf } from '../broadcasts/broadcast-state.js';
import type { Environment } from '../../../sample-api/src/settings.js';
import { type AudienceFile, openAudienceFile } from './audience-file.js';
import { targetDigest } from './broadcast-target.js';
import { CheckpointFile, type CheckpointState } from './checkpoint-file.js';
import { type CliOptions, UsageError } from './cli-args.js';
import { withLock } from './lock-file.js';
import { type Output, ProgressDisplay } from './progress-display.js';
import { duration, troubles } from './progress-line.js';

/** Exit codes; 130 is the shells' code for an interrupt (128 + SIGINT). */
export const EXIT = { reached: 0, notAll: 1, usage: 2, interrupted: 130 } as const;

/** How far the saved checkpoint may lag behind, in milliseconds. */
const SAVE_EVERY_MS = 200;

/** The longest delay of a Node.js timer, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type FailedChunk = Extract<ChunkOutcome, { ok: false }>;

const NOTHING: CheckpointState = { checkpoint: { watermark: 0, ranges: [] }, progress: NO_PROGRESS };

/** A broadcast to the recipients in a file, with its output on a terminal. */
export class CliBroadcast {
  #savedAt = -Infinity;
  #before = NOTHING;

  private constructor(
    private readonly options: CliOptions,
    private readonly audience: AudienceFile,
    private readonly file: CheckpointFile,
    private readonly out: Output,
  ) {}

  /** @throws UsageError when the audience or the checkpoint cannot be used */
  static async open(options: CliOptions, out: Output, env: Environment = process.env): Promise<CliBroadcast> {
    const audience = await openAudienceFile(options.file, options.kind, options.csvColumn);
    const file = new CheckpointFile(options.checkpointFile, audience, options, targetDigest(env));
    await file.load();
    return new CliBroadcast(options, audience, file, out);
  }

  /**
   * Sends to all recipients who are not settled yet; `signal` interrupts. Resolves to the exit code.
   *
   * @throws UsageError when the message or an option breaks a rule, and when another run is in progress
   */
  run(mimc: MimcBroadcastService, signal: AbortSignal): Promise<number> {
    return withLock(`${this.options.checkpointFile}.lock`, async () => {
      // Loaded again: another run may have ended since `open`.
      this.#before = (await this.file.load()) ?? NOTHING;
      if (!(await this.#isTime(signal))) return EXIT.interrupted;
      return this.#send(mimc, signal);
    });
  }

  /** Waits for the start time; false when interrupted before. */
  async #isTime(signal: AbortSignal): Promise<boolean> {
    const { startAt } = this.options;
    if (startAt === undefined || startAt.getTime() <= Date.now()) return true;
    this.#say(`Waiting until ${startAt.toISOString()}`);
    for (let leftMs = 1; leftMs > 0 && !signal.aborted; leftMs = startAt.getTime() - Date.now()) {
      const waitMs = Math.min(startAt.getTime() - Date.now(), MAX_TIMER_MS);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
    return !signal.aborted;
  }

  async #send(mimc: MimcBroadcastService, signal: AbortSignal): Promise<number> {
    if (settledOf(this.#before.progress) === this.audience.count) return this.#nothingLeft();
    const begin = performance.now();
    const pass = this.#pass(mimc, signal);
    const state = () => ({
      checkpoint: pass.checkpoint,
      progress: addProgress(this.#before.progress, pass.progress),
    });
    const display = new ProgressDisplay(this.out, this.audience.count, () => state().progress);
    this.#announce(display);
    signal.addEventListener('abort', () => display.say('Stopping: waiting for requests in flight'), { once: true });
    display.start();
    const end = await pass.run((outcome) => this.#settle(outcome, state));
    await this.file.save(state());
    display.stop();
    return this.#conclude(end, state(), (performance.now() - begin) / 1_000);
  }

  #pass(mimc: MimcBroadcastService, signal: AbortSignal): BroadcastPass {
    const { kind, msg, fromAccount, chunkSize } = this.options;
    const message = { msg, ...(fromAccount !== undefined && { fromAccount }) };
    const options = chunkSize === undefined ? {} : { chunkSize };
    try {
      return new BroadcastPass(mimc, { kind, message, options }, this.audience.read(), {
        signal,
        resume: this.#before.checkpoint,
      });
    } catch (error) {
      throw MimcError.is(error) ? new UsageError(error.message) : error;
    }
  }

  #announce(display: ProgressDisplay): void {
    const { count } = this.audience;
    const settled = settledOf(this.#before.progress);
    const what = `${count} ${this.options.kind} in ${this.options.file}`;
    display.say(
      settled === 0 ? what : `${what}, ${settled} of them done in earlier runs (${this.options.checkpointFile})`,
    );
  }

  async #settle(outcome: ChunkOutcome, state: () => CheckpointState): Promise<void> {
    if (!outcome.ok && isSettled(outcome)) await this.#record(outcome);
    const now = performance.now();
    if (now - this.#savedAt < SAVE_EVERY_MS) return;
    this.#savedAt = now;
    await this.file.save(state());
  }

  /** One line for each request that failed. */
  async #record({ offset, recipients, error }: FailedChunk): Promise<void> {
    const { code, outcome, message } = error;
    const line = { offset, outcome, code, message, recipients: recipients.map(String) };
    await appendFile(this.options.failuresFile, `${JSON.stringify(line)}\n`);
  }

  #conclude({ stoppedBy, error }: PassEnd, { progress }: CheckpointState, seconds: number): number {
    const { failuresFile, checkpointFile } = this.options;
    const left = this.audience.count - settledOf(progress);
    const failed = troubles({ ...progress, notSent: 0 });
    const counts = [`${progress.accepted} of ${this.audience.count} accepted`, ...failed].join(', ');
    this.#say(`${counts}; this run took ${duration(seconds)}`);
    if (failed.length > 0) this.#say(`Recipients not reached: ${failuresFile}`);
    // A stop with nothing left to send counts as a normal end.
    if (left > 0 && (stoppedBy === 'failures' || stoppedBy === 'source-error')) this.#say(`Stopped: ${reason(error)}`);
    if (left > 0) this.#say(`${left} left; run the same command again to continue from ${checkpointFile}`);
    if (stoppedBy === 'abort') return EXIT.interrupted;
    return left === 0 && failed.length === 0 ? EXIT.reached : EXIT.notAll;
  }

  /** Repeating a finished command is more likely a mistake than a wish to send twice. */
  #nothingLeft(): number {
    const { file, checkpointFile, failuresFile } = this.options;
    const failed = troubles({ ...this.#before.progress, notSent: 0 });
    const result = failed.length > 0 ? `tried in earlier runs (${failed.join(', ')})` : 'reached in earlier runs';
    this.#say(`Every recipient in ${file} was ${result}. To send again, remove ${checkpointFile}`);
    if (failed.length === 0) return EXIT.reached;
    this.#say(`Recipients not reached: ${failuresFile}`);
    return EXIT.notAll;
  }

  #say(line: string): void {
    this.out.write(`${line}\n`);
  }
}

/** Recipients provably not sent to, or refused for a temporary reason, are retried on the next run, except invalid ones. */
function isSettled({ error }: FailedChunk): boolean {
  return !error.retryable && (error.outcome !== 'not-sent' || error.code === 'MIMC_INVALID');
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'the audience could not be read completely';
}
