import type { Job, Queue } from 'bullmq';
import { MimcError } from '../../index.js';
import { invalid, type StoredEndpoint } from '../../internals.js';
import { partOf } from './job-outcome.js';
import { answered, type QueueHost, unconfirmed } from './queue-host.js';
import { PUSH_QUEUES } from './queue-keys.js';
import { CANCEL, RESERVE } from './queue-scripts.js';
import { kindOf, type MimcPushJob, type PushJobData, unitsOf } from './queued-push.js';
import { refuseOtherOptions } from './request-checks.js';

const DAY_MS = 86_400_000;

/** What to do if Redis did not confirm a push. */
export const ADD_AGAIN = 'add it again with the same id';

/** A valid push, ready to be stored. */
export interface NewPush {
  readonly id: string;
  readonly jobId: string;
  readonly endpoint: StoredEndpoint;
  readonly data: PushJobData;
  /** What the caller asked for, without defaults. */
  readonly asked: MimcPushJob;
}

/** The jobs of single pushes in BullMQ's two queues. An id names one push over both. */
export class PushStore {
  constructor(private readonly host: QueueHost) {}

  get queues(): Queue[] {
    return Object.values(PUSH_QUEUES).map((name) => this.host.queue(name));
  }

  /** The job with an id. */
  async #job(jobId: string): Promise<Job<PushJobData> | undefined> {
    for (const queue of this.queues) {
      const job: Job<PushJobData> | undefined = await answered(queue.getJob(jobId));
      // A reservation has no data.
      if (job !== undefined && 'dto' in job.data) return job;
    }
    return undefined;
  }

  /**
   * Stores pushes.
   *
   * @param isStored whether the same call has stored others before
   * @returns how many of them are new
   * @throws MimcError `MIMC_INVALID` at the first one whose id belongs to another push or has other options; `MIMC_CONNECT` if
   * Redis did not confirm that it has all of them, `unknown` if it may have some
   */
  async write(pushes: readonly NewPush[], isStored = false): Promise<number> {
    if (pushes.length === 0) return 0;
    const reserve = () => this.#firstTaken(pushes);
    // Nothing is sent because of a reservation.
    const wrong = await (isStored ? this.host.committed(ADD_AGAIN, reserve, { isStored }) : answered(reserve()));
    if (wrong !== -1) {
      await this.write(pushes.slice(0, wrong), isStored);
      throw otherContent(pushes[wrong]?.id);
    }
    let mayBeStored = isStored;
    for (const queue of this.queues) {
      const jobs = pushes.filter((push) => queueOf(push) === queue.name).map(jobOf);
      if (jobs.length === 0) continue;
      // BullMQ adds job by job, so Redis may have some when it refuses one.
      const certainty = { isOne: jobs.length === 1, isStored: mayBeStored };
      await this.host.committed(ADD_AGAIN, () => queue.addBulk(jobs), certainty);
      mayBeStored = true;
    }
    return this.host.committed(ADD_AGAIN, () => this.#confirm(pushes), { isStored: true });
  }

  /** Cancels a push: nothing more of it leaves except a request in flight. */
  async cancel(jobId: string): Promise<void> {
    const { redis, keys } = this.host;
    const job = await this.#job(jobId);
    if (job === undefined) return;
    const { dto, retentionMs } = job.data;
    const parts = (['cancelled', 'unknown'] as const).map((outcome) => JSON.stringify(partOf(unitsOf(dto), outcome)));
    const args = [...parts, jobId, Date.now() + retentionMs];
    await answered(CANCEL.run(redis, [keys.job(job.queueName, jobId), keys.endedPushes], args));
    // Lets a scheduled push end now instead of at `sendAt`. BullMQ rejects this for one that is not scheduled.
    await job.promote().catch(() => undefined);
  }

  /** Reserves the ids, in order. Returns the index of the first that a push of the other queue has, or -1. */
  async #firstTaken(pushes: readonly NewPush[]): Promise<number> {
    const { redis, keys } = this.host;
    const twice = pushes.findIndex((push, index) => hasOtherBefore(pushes, index, push));
    const before = twice === -1 ? pushes : pushes.slice(0, twice);
    // A push to accounts needs no reservation: BullMQ ignores it if the id is reserved.
    const toGroups = before.filter((push) => queueOf(push) === PUSH_QUEUES.topics);
    if (toGroups.length === 0) return twice;
    const reservations = toGroups.map(({ jobId }) => keys.job(PUSH_QUEUES.accounts, jobId));
    const adding = toGroups.flatMap(({ jobId, data }) => [jobId, data.nonce]);
    const args = [Date.now() + DAY_MS, ...adding];
    const reserved = Number(await RESERVE.run(redis, [keys.endedPushes, ...reservations], args));
    const taken = toGroups[reserved];
    return taken === undefined ? twice : pushes.indexOf(taken);
  }

  /** Checks what Redis has after pushes were added; returns how many of them are new. */
  async #confirm(pushes: readonly NewPush[]): Promise<number> {
    const read = this.host.redis.pipeline();
    const { keys } = this.host;
    for (const push of pushes) read.hmget(keys.job(queueOf(push), push.jobId), 'data', 'reserved');
    for (const push of pushes) {
      if (queueOf(push) === PUSH_QUEUES.topics)
        read.hdel(keys.job(PUSH_QUEUES.accounts, push.jobId), `adding:${push.data.nonce}`);
    }
    const answers = (await read.exec()) ?? [];
    let added = 0;
    for (const [index, { id, data, asked }] of pushes.entries()) {
      const [error, fields] = answers[index] ?? [];
      if (error) throw unconfirmed(`Redis did not confirm the push ${id}; ${ADD_AGAIN}`);
      const [json, reserved] = fields as [data: string | null, reserved: string | null];
      if (reserved === '1') throw otherContent(id);
      if (json === null) throw unconfirmed(`Redis no longer has the push ${id}; ${ADD_AGAIN}`);
      const known = JSON.parse(json) as PushJobData;
      if (known.digest !== data.digest) throw otherContent(id);
      const { delivery, lane: priority, retentionMs } = known;
      refuseOtherOptions(id, 'added', asked, { delivery, priority, retentionMs });
      if (known.nonce === data.nonce) added += 1;
    }
    return added;
  }
}

function queueOf({ endpoint }: NewPush): string {
  return PUSH_QUEUES[kindOf(endpoint)];
}

/** Whether an earlier push of the list has the same id and belongs in the other queue. */
function hasOtherBefore(pushes: readonly NewPush[], index: number, push: NewPush): boolean {
  return pushes.slice(0, index).some((other) => other.jobId === push.jobId && queueOf(other) !== queueOf(push));
}

/** The push as a BullMQ job. */
function jobOf({ endpoint, data, jobId }: NewPush) {
  const delay = Math.max(0, (data.sendAt ?? 0) - Date.now());
  const priority = data.lane === 'bulk' ? 1 : 0;
  return { name: endpoint, data, opts: { jobId, delay, priority, removeOnComplete: false, removeOnFail: false } };
}

function otherContent(id = ''): MimcError {
  const message = `id does not match: ${id} was added with another push; use another id`;
  return new MimcError(invalid([{ field: 'id', rule: 'sameContent', message }]));
}
