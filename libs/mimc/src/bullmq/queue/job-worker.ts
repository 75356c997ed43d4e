import type { Job, Worker, WorkerOptions } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { within } from '../../internals.js';
import { bullmq } from '../loaded-peers.js';
import { writeTogether } from '../redis-script.js';
import type { Part } from './job-outcome.js';
import type { RunEnd } from './job-runner.js';

/** A job that stalls is never failed for it: its claim decides what is to be done. */
const MAX_STALLS = 1_000_000;

/** How long a worker rests after an error of Redis, in milliseconds: BullMQ alone would try again without a pause. */
const REST_MS = 1_000;

/** Thrown by BullMQ when a job was taken over while this worker was halted: not an error of Redis. */
const LOST = /\block\b.* for job|not in the active state|Missing key for job/i;

/** What a worker is made of. */
export interface JobWorkerSetup {
  readonly queue: string;
  readonly prefix: string;
  readonly connection: Redis | Cluster;
  readonly concurrency: number;
  readonly lockMs: number;
  /** Whether jobs that succeeded are kept for as long as they say themselves, or removed. */
  readonly keepsCompleted: boolean;
  readonly run: (job: Job, token: string) => Promise<RunEnd>;
  readonly warn: (error: unknown) => void;
}

/** A worker of BullMQ, whose jobs end as their runs do: completed, failed, to be run again, or somebody else's. */
export class JobWorker {
  readonly #worker: Worker;
  readonly #setup: JobWorkerSetup;
  #isPaused = false;
  #rest: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(setup: JobWorkerSetup) {
    this.#setup = setup;
    const { queue, prefix, connection, concurrency, lockMs } = setup;
    const options: WorkerOptions = {
      connection,
      prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      maxStalledCount: MAX_STALLS,
      ...(!setup.keepsCompleted && { removeOnComplete: { count: 0 } }),
      runRetryDelay: REST_MS,
      // It would need the right to run INFO.
      skipVersionCheck: true,
    };
    this.#worker = new bullmq.Worker(queue, (job, token = '') => this.#process(job, token), options);
    this.#worker.on('error', (error) => this.#troubled(error));
  }

  /** Takes no more jobs; those it has continue. */
  pause(): void {
    this.#isPaused = true;
    this.#stopFetching();
  }

  #stopFetching(): void {
    void this.#worker.pause(true).catch(() => undefined);
  }

  /** Resolves when the jobs it has are over, or after `withinMs`, when it lets go of them. */
  close(withinMs: number): Promise<void> {
    this.#closed ??= this.#close(withinMs);
    return this.#closed;
  }

  async #close(withinMs: number): Promise<void> {
    clearTimeout(this.#rest);
    // Without Redis nothing can be moved; BullMQ would wait for it.
    const isAway = this.#setup.connection.status !== 'ready';
    const close = this.#worker.close(isAway).catch(() => undefined);
    // What still is in flight then ends by itself. Its connections are not cut, as other workers share one of them.
    await within(withinMs, close);
  }

  async #process(job: Job, token: string): Promise<void> {
    const end = await this.#run(job, token);
    writeTogether(this.#setup.connection);
    // BullMQ then leaves the job where it is. Any other error would end it.
    if (end.is !== 'settled') throw new bullmq.WaitingError();
    const bad = end.parts.find(({ outcome }) => outcome !== 'accepted');
    if (bad !== undefined) throw new bullmq.UnrecoverableError(reasonOf(bad));
  }

  /** A run that fails, or a job that cannot be put back, is found by BullMQ's search for jobs that stall. */
  async #run(job: Job, token: string): Promise<RunEnd> {
    try {
      const end = await this.#setup.run(job, token);
      if (end.is === 'later') await job.moveToWait(token);
      return end;
    } catch (error) {
      this.#troubled(error);
      return { is: 'lost' };
    }
  }

  #troubled(error: unknown): void {
    if (this.#closed !== undefined || (error instanceof Error && LOST.test(error.message))) return;
    this.#setup.warn(error);
    if (this.#rest !== undefined) return;
    this.#stopFetching();
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      if (!this.#isPaused) void this.#worker.resume();
    }, REST_MS);
  }
}

function reasonOf({ outcome, code, message }: Part): string {
  return [outcome, code, message].filter(Boolean).join(': ');
}
