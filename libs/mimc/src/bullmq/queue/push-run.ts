import { setMaxListeners } from 'node:events';
import type { Job } from 'bullmq';
import type { MimcQuotaKind } from '../../index.js';
import type { Backoff } from '../../internals.js';
import type { Part } from './job-outcome.js';
import { type JobPlan, JobRunner, type RunEnd } from './job-runner.js';
import { JobWorker } from './job-worker.js';
import { PUSH_QUEUES } from './queue-keys.js';
import { endpointOf, type PushJobData, sliceOf, unitsOf } from './queued-push.js';
import type { RunContext } from './run-context.js';

/** Sends the single pushes of one quota in this process; other processes may do the same. */
export class PushRun {
  readonly #stopped = new AbortController();
  readonly #worker: JobWorker;

  constructor(
    private readonly context: RunContext,
    kind: MimcQuotaKind,
    private readonly backoff: Backoff,
  ) {
    // Each running job listens; `concurrency` bounds their number.
    setMaxListeners(0, this.#stopped.signal);
    this.#worker = new JobWorker(context, PUSH_QUEUES[kind], (job, token) => this.#run(job, token));
  }

  /** Takes no more jobs, puts waiting ones back, and resolves when requests in flight are settled or `withinMs` have passed. */
  close(withinMs: number): Promise<void> {
    this.#worker.pause();
    this.#stopped.abort();
    return this.#worker.close(withinMs);
  }

  async #run(job: Job<PushJobData>, token: string): Promise<RunEnd> {
    const end = await new JobRunner(this.context, job, token, this.#planOf(job)).run();
    // The push service takes no more calls. If this worker kept fetching, BullMQ would hand it the same job again.
    if (this.context.push.closing.aborted) this.#worker.pause();
    return end;
  }

  #planOf({ id, data }: Job<PushJobData>): JobPlan {
    const { dto, lane, delivery, attempts, expiresAt = Infinity } = data;
    return {
      endpoint: endpointOf(dto),
      units: unitsOf(dto),
      lane,
      delivery,
      attempts,
      backoff: this.backoff,
      signal: this.#stopped.signal,
      dto: (from, to) => sliceOf(dto, from, to),
      ready: () => this.#ready(expiresAt),
      mayLeave: () => Date.now() < expiresAt,
      // A single push has nothing to pause: it backs off until the credentials are fixed.
      stop: () => Promise.resolve(false),
      claimKeys: [],
      claimArgs: () => [],
      settleKeys: [this.context.keys.endedPushes],
      settleArgs: (_from, part) => [String(id), part.at + data.retentionMs],
    };
  }

  async #ready(expiresAt: number): Promise<(() => void) | Part['outcome'] | undefined> {
    const { backoff } = this;
    const { signal } = this.#stopped;
    while (backoff.isPaused && !signal.aborted && Date.now() < expiresAt) {
      const inTime = AbortSignal.timeout(Math.min(60_000, Math.max(1, expiresAt - Date.now())));
      await backoff.over(AbortSignal.any([signal, inTime]));
    }
    if (signal.aborted) return undefined;
    return Date.now() < expiresAt ? () => undefined : 'expired';
  }
}
