import type { Job, Worker, WorkerOptions } from 'bullmq';
import { within } from '../../internals.js';
import { bullmq } from '../loaded-peers.js';
import { writeTogether } from '../redis-script.js';
import type { RunEnd } from './job-runner.js';
import type { RunContext } from './run-context.js';

/** BullMQ must never fail a job for stalling: its claim decides what happens to it. */
const MAX_STALLS = 1_000_000;

/** How long a worker pauses after a Redis error, in milliseconds. BullMQ itself would retry without a pause. */
const REST_MS = 1_000;

/** BullMQ throws these when another worker took a job over while this process was halted. Not an error of Redis. */
const LOST = /\block\b.* for job|not in the active state|Missing key for job/i;

/** A BullMQ worker that ends each job as its run ended: completed, failed, put back, or left to another worker. */
export class JobWorker {
  readonly #worker: Worker;
  #isPaused = false;
  #rest: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly context: RunContext,
    queue: string,
    private readonly run: (job: Job, token: string) => Promise<RunEnd>,
  ) {
    const { keys, settings, workerRedis } = context;
    const options: WorkerOptions = {
      connection: workerRedis,
      prefix: keys.prefix,
      concurrency: settings.concurrency,
      lockDuration: settings.lockMs,
      stalledInterval: Math.ceil(settings.lockMs / 2),
      maxStalledCount: MAX_STALLS,
      // A single push is kept by an option of its job, which takes precedence, until its own retention has passed.
      removeOnComplete: { count: 0 },
      runRetryDelay: REST_MS,
      // It would need the right to run INFO.
      skipVersionCheck: true,
    };
    this.#worker = new bullmq.Worker(queue, (job, token = '') => this.#process(job, token), options);
    this.#worker.on('error', (error) => this.#troubled(error));
  }

  /** Takes no more jobs; active ones continue. */
  pause(): void {
    this.#isPaused = true;
    this.#stopFetching();
  }

  #stopFetching(): void {
    void this.#worker.pause(true).catch(() => undefined);
  }

  /** Resolves when its active jobs are over, at the latest after `withinMs`. */
  close(withinMs: number): Promise<void> {
    this.#closed ??= this.#close(withinMs);
    return this.#closed;
  }

  async #close(withinMs: number): Promise<void> {
    clearTimeout(this.#rest);
    // Without Redis no job can be moved, and a graceful close would wait for Redis.
    const isAway = this.context.workerRedis.status !== 'ready';
    const close = this.#worker.close(isAway).catch(() => undefined);
    // Jobs still active then end by themselves. The connection stays open, as other workers share it.
    await within(withinMs, close);
  }

  async #process(job: Job, token: string): Promise<void> {
    const end = await this.#run(job, token);
    writeTogether(this.context.workerRedis);
    // Makes BullMQ leave the job as it is. Any other error would fail it.
    if (end.is !== 'settled') throw new bullmq.WaitingError();
    const bad = end.parts.find(({ outcome }) => outcome !== 'accepted');
    if (bad === undefined) return;
    throw new bullmq.UnrecoverableError([bad.outcome, bad.code, bad.message].filter(Boolean).join(': '));
  }

  /** If a run throws, or its job cannot be put back, BullMQ's stalled-job check finds the job later. */
  async #run(job: Job, token: string): Promise<RunEnd> {
    try {
      const end = await this.run(job, token);
      if (end.is === 'later') await job.moveToWait(token);
      return end;
    } catch (error) {
      this.#troubled(error);
      return { is: 'lost' };
    }
  }

  #troubled(error: unknown): void {
    if (this.#closed !== undefined || (error instanceof Error && LOST.test(error.message))) return;
    this.context.warn(error);
    if (this.#rest !== undefined) return;
    this.#stopFetching();
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      if (!this.#isPaused) void this.#worker.resume();
    }, REST_MS);
  }
}
