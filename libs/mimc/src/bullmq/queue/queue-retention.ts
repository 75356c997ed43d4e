import type { RunContext } from './run-context.js';
import { PUSH_QUEUES, queueOf } from './queue-keys.js';
import { FORGET, TAKE } from './queue-scripts.js';
import { endOf } from './queued-push.js';

/** After this time a push is forgotten by another process if one died or failed while it did so, in milliseconds. */
const FORGET_PUSH_MS = 60_000;

/** Pushes forgotten per call. */
const PAGE = 1_000;

/** Forgets what ended long enough ago. Several processes may do so at the same time. */
export class QueueRetention {
  constructor(private readonly context: RunContext) {}

  /** Removes the broadcasts and single pushes whose retention has passed. Stops early when the signal aborts. */
  async forget(signal: AbortSignal): Promise<void> {
    const { store, warn } = this.context;
    for (const id of await store.dueToForget()) {
      if (signal.aborted) return;
      await this.#forgetBroadcast(id).catch(warn);
    }
    await this.#forgetPushes();
  }

  /** Records ends that a full Redis did not record, and gives up audiences that were never completed. */
  async repair(): Promise<void> {
    const { redis, keys, store } = this.context;
    for (const state of ['done', 'cancelled', 'expired'] as const) {
      for (const id of await store.idsIn(state)) {
        if ((await redis.zscore(keys.ended, id)) === null) await store.end(id);
      }
    }
    for (const id of await store.idsIn('enqueuing')) {
      const { createdAt = 0, retentionMs = Infinity } = (await store.plan(id)) ?? {};
      if (Date.now() >= createdAt + retentionMs) await store.move(id, 'cancel');
    }
  }

  async #forgetBroadcast(id: string): Promise<void> {
    const queue = this.context.queue(queueOf(id));
    await this.context.store.forget(id, () => queue.obliterate({ force: true }));
    await this.context.drop(queue);
  }

  /** Job by job, because BullMQ would apply the retention of one push to all. */
  async #forgetPushes(): Promise<void> {
    const { redis, keys } = this.context;
    for (const jobId of await redis.zrangebyscore(keys.endedPushes, 0, Date.now(), 'LIMIT', 0, PAGE)) {
      const now = Date.now();
      const dueAgain = now + FORGET_PUSH_MS;
      // Otherwise another process is removing it, and its id may be in use again.
      if ((await TAKE.run(redis, [keys.endedPushes], [jobId, now, dueAgain])) === 0) continue;
      const forgotten = await Promise.all(Object.values(PUSH_QUEUES).map((queue) => this.#forgetPush(queue, jobId)));
      if (forgotten.includes(false)) await redis.zadd(keys.endedPushes, Date.now(), jobId);
      else {
        const jobs = [PUSH_QUEUES.accounts, PUSH_QUEUES.topics].map((queue) => keys.job(queue, jobId));
        await FORGET.run(redis, [keys.endedPushes, ...jobs], [jobId, dueAgain, now]);
      }
    }
  }

  /** Removes a push that has ended. Returns false if BullMQ is still finishing it: try again later. */
  async #forgetPush(queue: string, jobId: string): Promise<boolean> {
    const { redis, keys } = this.context;
    const fields = await redis.hgetall(keys.job(queue, jobId));
    return endOf(fields) === undefined || (await this.context.queue(queue).remove(jobId)) === 1;
  }
}
