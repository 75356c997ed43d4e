import type { Job, Queue } from 'bullmq';
import { MimcError } from '../../index.js';
import { invalid, notSent, type StoredEndpoint } from '../../internals.js';
import { type Part, partOf, partsOf } from './job-outcome.js';
import { answered, type QueueHost } from './queue-host.js';
import { PUSH_QUEUES } from './queue-keys.js';
import { CANCEL } from './queue-scripts.js';
import { kindOf, type MimcPushJob, type PushJobData, unitsOf } from './queued-push.js';
import { refuseOtherOptions } from './request-checks.js';

/** A push that has been checked and is to be stored. */
export interface NewPush {
  readonly id: string;
  readonly jobId: string;
  readonly endpoint: StoredEndpoint;
  readonly data: PushJobData;
  /** What the caller asked for, apart from defaults. */
  readonly asked: MimcPushJob;
}

/** The jobs of single pushes in BullMQ's queues. An id names one push, in whichever queue. */
export class PushStore {
  constructor(private readonly host: QueueHost) {}

  get queues(): Queue[] {
    return Object.values(PUSH_QUEUES).map((name) => this.host.queue(name));
  }

  /**
   * The jobs with an id. Two only when both were added at the same moment and workers began both before either producer
   * could withdraw its own.
   */
  async jobs(jobId: string): Promise<Job<PushJobData>[]> {
    const jobs: (Job<PushJobData> | undefined)[] = [];
    for (const queue of this.queues) jobs.push(await answered(queue.getJob(jobId)));
    return jobs.filter((job) => job !== undefined);
  }

  /**
   * Stores pushes.
   *
   * @returns how many of them were not known
   * @throws MimcError `MIMC_INVALID` at the first one whose id means another push, or has other options; `MIMC_CONNECT` when
   * Redis did not say that it has all of them
   */
  async write(pushes: readonly NewPush[]): Promise<number> {
    if (pushes.length === 0) return 0;
    const elsewhere = await this.#stored(pushes, otherQueue);
    const wrong = pushes.findIndex(
      (push, index) => elsewhere[index] !== undefined || hasOtherBefore(pushes, index, push),
    );
    if (wrong !== -1) {
      await this.write(pushes.slice(0, wrong));
      throw otherContent(pushes[wrong]?.id);
    }
    for (const queue of this.queues) {
      const jobs = pushes.filter((push) => queueOf(push) === queue.name).map(jobOf);
      if (jobs.length > 0) await answered(queue.addBulk(jobs));
    }
    return this.#confirm(pushes);
  }

  /** Ends a push: nothing more of it leaves, save a request in flight. */
  async cancel(job: Job<PushJobData>, jobId: string): Promise<void> {
    await this.#end(job.queueName, jobId, job.data);
    // It ends now, and not at the time at which it would have been sent; one that is not scheduled cannot be promoted.
    await job.promote().catch(() => undefined);
  }

  /** What Redis has after pushes were added; returns how many of them these were. */
  async #confirm(pushes: readonly NewPush[]): Promise<number> {
    const stored = await this.#stored(pushes, queueOf);
    const elsewhere = await this.#stored(pushes, otherQueue);
    let added = 0;
    for (const [index, push] of pushes.entries()) {
      const { id, data, asked } = push;
      const known = stored[index];
      if (known === undefined) throw notSent('MIMC_CONNECT', `Redis lost the push ${id}; add it again`);
      if (known.digest !== data.digest) throw otherContent(id);
      const { delivery, lane: priority, retentionMs } = known;
      refuseOtherOptions(id, 'added', asked, { delivery, priority, retentionMs });
      if (known.nonce !== data.nonce) continue;
      // Another push was added to the other queue at the same moment.
      if (elsewhere[index] !== undefined && (await this.#withdraw(push))) throw otherContent(id);
      added += 1;
    }
    return added;
  }

  /** Takes back a push that was just added; returns whether it can no longer leave. */
  async #withdraw(push: NewPush): Promise<boolean> {
    const { redis, keys } = this.host;
    const { jobId, data } = push;
    await this.#end(queueOf(push), jobId, data);
    const fields = await answered(redis.hgetall(keys.job(queueOf(push), jobId)));
    const [first] = partsOf(fields).values();
    if (first?.outcome !== 'cancelled') return false;
    // A worker may hold the job at this moment; then it stays as one that was cancelled.
    await answered(this.host.queue(queueOf(push)).remove(jobId));
    return true;
  }

  async #end(queue: string, jobId: string, { dto, retentionMs }: PushJobData): Promise<void> {
    const { redis, keys } = this.host;
    const parts = (['cancelled', 'unknown'] as const).map((outcome): Part => partOf(unitsOf(dto), outcome));
    const args = [...parts.map((part) => JSON.stringify(part)), jobId, Date.now() + retentionMs];
    await answered(CANCEL.run(redis, [keys.job(queue, jobId), keys.endedPushes], args));
  }

  /** What the queue that is named for each push holds under its id. */
  async #stored(pushes: readonly NewPush[], queueFor: (push: NewPush) => string): Promise<(PushJobData | undefined)[]> {
    const read = this.host.redis.pipeline();
    for (const push of pushes) read.hget(this.host.keys.job(queueFor(push), push.jobId), 'data');
    const answers = (await answered(read.exec())) ?? [];
    return pushes.map(({ id }, index) => {
      const [error, json] = answers[index] ?? [];
      if (error) throw notSent('MIMC_CONNECT', `Redis did not say whether it has the push ${id}; add it again`);
      return typeof json === 'string' ? (JSON.parse(json) as PushJobData) : undefined;
    });
  }
}

function queueOf({ endpoint }: NewPush): string {
  return PUSH_QUEUES[kindOf(endpoint)];
}

function otherQueue({ endpoint }: NewPush): string {
  return PUSH_QUEUES[kindOf(endpoint) === 'accounts' ? 'topics' : 'accounts'];
}

/** Whether an earlier push of the list has the same id and belongs into the other queue. */
function hasOtherBefore(pushes: readonly NewPush[], index: number, push: NewPush): boolean {
  return pushes.slice(0, index).some((other) => other.jobId === push.jobId && queueOf(other) !== queueOf(push));
}

/** The push as BullMQ takes it. */
function jobOf({ endpoint, data, jobId }: NewPush) {
  const delay = Math.max(0, (data.sendAt ?? 0) - Date.now());
  const priority = data.lane === 'bulk' ? 1 : 0;
  return { name: endpoint, data, opts: { jobId, delay, priority, removeOnComplete: false, removeOnFail: false } };
}

function otherContent(id = ''): MimcError {
  const message = `id does not match: ${id} was added with another push; use another id`;
  return new MimcError(invalid([{ field: 'id', rule: 'sameContent', message }]));
}
