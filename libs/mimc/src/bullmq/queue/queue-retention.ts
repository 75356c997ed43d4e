import { bullmq } from '../loaded-peers.js';
import { ENDED_STATES, PUSH_QUEUES, queueOf, STORED_STATES } from './queue-keys.js';
import { endOf } from './queued-push.js';
import { FORGET_BROADCAST, FORGET_PUSH, TAKE } from './retention-scripts.js';
import type { RunContext } from './run-context.js';

/** After this time another process continues what one began to forget but did not finish, in milliseconds. */
const TAKEN_MS = 60_000;

/** Broadcasts, and pushes, forgotten per call. */
const PAGE = 1_000;

/** Pushes forgotten at a time. */
const PUSHES_AT_A_TIME = 50;

/** Jobs of a broadcast removed at a time. Redis serves no other client meanwhile, which takes a few milliseconds. */
const JOBS_AT_A_TIME = 1_000;

/** Where BullMQ may have a job, the most likely first. */
const PLACES = ['completed', 'failed', 'delayed', 'prioritized', 'wait', 'paused', 'active'];

/** Forgets what ended long enough ago. Several processes may do so at the same time. Stops early when shutdown begins. */
export class QueueRetention {
  constructor(private readonly context: RunContext) {}

  /** Removes the broadcasts and single pushes whose retention has passed. */
  async forget(): Promise<void> {
    const { ended, endedPushes } = this.context.keys;
    await this.#each(await this.#due(ended), 1, (id) => this.#forgetBroadcast(id));
    await this.#each(await this.#due(endedPushes), PUSHES_AT_A_TIME, (jobId) => this.#forgetPush(jobId));
  }

  /** Records ends that were not recorded, and gives up audiences that were never completed. */
  async repair(): Promise<void> {
    const { redis, keys, store } = this.context;
    for (const state of ENDED_STATES) {
      await this.#each(await store.idsIn(state), 1, async (id) => {
        if ((await redis.zscore(keys.ended, id)) === null) await store.end(id);
      });
    }
    await this.#each(await store.idsIn('enqueuing'), 1, async (id) => {
      // Without a plan, Redis lost it.
      const { createdAt = 0, retentionMs = 0 } = (await store.plan(id)) ?? {};
      if (Date.now() >= createdAt + retentionMs) await store.move(id, 'abandon');
    });
  }

  #due(ended: string): Promise<string[]> {
    return this.context.redis.zrangebyscore(ended, 0, Date.now(), 'LIMIT', 0, PAGE);
  }

  /** An id that fails does not hold up the others. */
  async #each(ids: readonly string[], atATime: number, work: (id: string) => Promise<void>): Promise<void> {
    for (let at = 0; at < ids.length && !this.context.closing.aborted; at += atATime) {
      await Promise.all(ids.slice(at, at + atATime).map((id) => work(id).catch(this.context.warn)));
    }
  }

  /** Returns when the id is due again; undefined if it is not due or another process is forgetting it. */
  async #take(id: string, ...touched: string[]): Promise<number | undefined> {
    const now = Date.now();
    const taken = await TAKE.run(this.context.redis, touched, [id, now, now + TAKEN_MS]);
    return taken === 1 ? now + TAKEN_MS : undefined;
  }

  async #forgetBroadcast(id: string): Promise<void> {
    const { redis, keys } = this.context;
    const live = STORED_STATES.filter((state) => !ENDED_STATES.includes(state));
    let dueAgain = await this.#take(id, keys.ended, ...[...ENDED_STATES, ...live].map((state) => keys.state(state)));
    if (dueAgain === undefined) return;
    const name = queueOf(id);
    await this.context.drop(name);
    const queue = Object.values(new bullmq.QueueKeys(keys.prefix).getKeys(name));
    const touched = [keys.ended, keys.broadcast(id), keys.settled(id), keys.audience(id), ...queue];
    let isLeft = true;
    while (isLeft && !this.context.closing.aborted) {
      const next = Date.now() + TAKEN_MS;
      const args = [id, dueAgain, next, keys.job(name, ''), JOBS_AT_A_TIME];
      isLeft = (await FORGET_BROADCAST.run(redis, touched, args)) === 1;
      dueAgain = next;
    }
  }

  async #forgetPush(jobId: string): Promise<void> {
    const { redis, keys } = this.context;
    const dueAgain = await this.#take(jobId, keys.endedPushes);
    if (dueAgain === undefined) return;
    const jobs = Object.values(PUSH_QUEUES).map(async (queue) => {
      return { queue, fields: await redis.hgetall(keys.job(queue, jobId)) };
    });
    const ended = (await Promise.all(jobs)).filter(({ fields }) => endOf(fields) !== undefined);
    const names = [PUSH_QUEUES.accounts, PUSH_QUEUES.topics].map((queue) => keys.job(queue, jobId));
    const touched = [keys.endedPushes, ...names, ...ended.flatMap(({ queue }) => this.#keysOfJob(queue, jobId))];
    const data = ended.map(({ fields }) => fields['data'] ?? '');
    await FORGET_PUSH.run(redis, touched, [jobId, dueAgain, Date.now(), ...data]);
  }

  /** The hash and lock of a job, and where BullMQ may have it. */
  #keysOfJob(queue: string, jobId: string): string[] {
    const { keys } = this.context;
    const bull = new bullmq.QueueKeys(keys.prefix);
    return [keys.job(queue, jobId), keys.lock(queue, jobId), ...PLACES.map((place) => bull.toKey(queue, place))];
  }
}
