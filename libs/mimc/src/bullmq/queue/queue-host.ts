import { setMaxListeners } from 'node:events';
import { type BeforeApplicationShutdown, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { MimcError, type MimcPushService } from '../../index.js';
import { notSent, within } from '../../internals.js';
import { bullmq } from '../loaded-peers.js';
import { type OpenRedis, openRedis, redisReason } from '../redis-connection.js';
import { BroadcastStore } from './broadcast-store.js';
import { PUSH_QUEUES, QueueKeys, queueOf } from './queue-keys.js';
import { FORGET, TAKE } from './queue-scripts.js';
import type { QueueSettings } from './queue-options.js';
import { endOf } from './queued-push.js';
import { QueueWorker } from './queue-worker.js';

/** How long Redis may take to answer a command whose caller waits, in milliseconds. */
const ANSWER_MS = 5_000;

/** After this time a push is forgotten by another process if one died or failed while it did so, in milliseconds. */
const FORGET_PUSH_MS = 60_000;

/** How long continuing trouble is not logged again, in milliseconds. */
const QUIET_MS = 60_000;

/** The number of BullMQ queues kept open. */
const MAX_QUEUES = 100;

/** The number of events that BullMQ keeps per queue, for tools that follow it. */
const EVENTS = 100;

/** What both queues share: the Redis connections, BullMQ's queues, and the worker of this process. */
export class QueueHost implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly keys: QueueKeys;
  readonly store: BroadcastStore;
  readonly #caller: OpenRedis;
  readonly #blocking: OpenRedis;
  readonly #queues = new Map<string, Queue>();
  readonly #logger = new Logger('MimcQueue');
  readonly #closing = new AbortController();
  readonly #giveUp = new AbortController();
  #worker: QueueWorker | undefined;
  /** On the clock of `performance.now()`. */
  #quietUntil = 0;
  #closed: Promise<void> | undefined;
  /** When shutdown must be complete, on the clock of `performance.now()`. */
  #closeBy = Infinity;

  constructor(
    readonly push: MimcPushService,
    readonly settings: QueueSettings,
  ) {
    // Each job whose outcome Redis has yet to confirm listens.
    setMaxListeners(0, this.#giveUp.signal);
    this.keys = new QueueKeys(settings.prefix, push.appId);
    this.#caller = openRedis(settings.connection, { whenAway: 'fail', answerMs: ANSWER_MS });
    this.#blocking = openRedis(settings.connection, { whenAway: 'wait' });
    this.store = new BroadcastStore(this.#caller.client, this.keys);
  }

  // Written out because the inferred type has type arguments that ioredis 5 lacks.
  get redis(): Redis | Cluster {
    return this.#caller.client;
  }

  /** Aborts when shutdown begins. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  onModuleInit(): void {
    if (!this.settings.worker) return;
    const { push, settings, keys, redis } = this;
    const context = {
      push,
      settings,
      keys,
      redis,
      connection: this.#blocking.client,
      giveUp: this.#giveUp.signal,
      warn: (error: unknown) => this.#warn(error),
    };
    this.#worker ??= new QueueWorker(
      context,
      this.store,
      (id) => this.#forget(id),
      () => this.#forgetPushes(),
      (id) => this.#isDrained(id),
    );
  }

  /** BullMQ's queue with this name. */
  queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = new bullmq.Queue(name, {
      connection: this.#caller.client,
      prefix: this.keys.prefix,
      skipVersionCheck: true,
      streams: { events: { maxLen: EVENTS } },
    });
    queue.on('error', (error) => this.#warn(error));
    this.#queues.set(name, queue);
    const [oldest] = this.#queues;
    if (this.#queues.size > MAX_QUEUES && oldest !== undefined) {
      this.#queues.delete(oldest[0]);
      void oldest[1].close().catch(() => undefined);
    }
    return queue;
  }

  /** Makes the worker of this process check now which broadcasts should run. */
  look(): void {
    this.#worker?.look();
  }

  /** Makes the worker of this process stop a broadcast now. */
  halt(id: string): void {
    this.#worker?.halt(id);
  }

  async #isDrained(id: string): Promise<boolean> {
    // One command for all states: between two commands, a job could move and be counted in neither.
    const counts = await this.queue(queueOf(id)).getJobCounts();
    return Object.entries(counts).every(([state, count]) => count === 0 || state === 'completed' || state === 'failed');
  }

  async #forget(id: string): Promise<void> {
    const queue = this.queue(queueOf(id));
    await this.store.forget(id, () => queue.obliterate({ force: true }));
    this.#queues.delete(queue.name);
    await queue.close();
  }

  /** Job by job, because BullMQ would apply the retention of one push to all. */
  async #forgetPushes(): Promise<void> {
    const { redis, keys } = this;
    for (const jobId of await redis.zrangebyscore(keys.endedPushes, 0, Date.now(), 'LIMIT', 0, 1_000)) {
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
    const fields = await this.redis.hgetall(this.keys.job(queue, jobId));
    return endOf(fields) === undefined || (await this.queue(queue).remove(jobId)) === 1;
  }

  /**
   * Resolves when Redis answers.
   *
   * @throws MimcError `MIMC_CONNECT`, `not-sent`
   */
  async ping(withinMs: number): Promise<void> {
    let isThere = false;
    const ping = this.redis.ping().then(
      () => (isThere = true),
      () => undefined,
    );
    await within(withinMs, ping);
    if (!isThere) throw notSent('MIMC_CONNECT', `Redis did not answer within ${withinMs} ms`);
  }

  /** Takes no more jobs; resolves when the requests in flight are settled, at the latest after `shutdownMs`. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#closing.abort();
    this.#closeBy = Math.min(this.#closeBy, performance.now() + this.settings.shutdownMs);
    await this.#worker?.close(this.#leftMs());
  }

  /** Closes the connections. Shutdown takes at most `shutdownMs` in all, whatever Redis does. */
  onApplicationShutdown(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.beforeApplicationShutdown();
    this.#giveUp.abort();
    const queues = [...this.#queues.values()].map((queue) => queue.close().catch(() => undefined));
    await within(this.#leftMs(), Promise.all(queues));
    await Promise.all([this.#caller.close(this.#leftMs()), this.#blocking.close(this.#leftMs())]);
  }

  #leftMs(): number {
    return Math.max(0, this.#closeBy - performance.now());
  }

  /** Logs Redis trouble once a minute, not once per command. */
  #warn(error: unknown): void {
    const now = performance.now();
    if (this.#closing.signal.aborted || now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    const reason = this.#caller.trouble ?? this.#blocking.trouble ?? redisReason(error);
    this.#logger.warn(`The queue has trouble with Redis (${reason}); it continues by itself`);
  }
}

/**
 * Waits for an answer of Redis, and turns its errors into a MimcError.
 *
 * @throws MimcError `MIMC_QUEUE_FULL` if Redis is full, otherwise `MIMC_CONNECT`, both `not-sent`
 */
export async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (MimcError.is(error)) throw error;
    const reason = redisReason(error);
    if (reason === 'OOM') throw notSent('MIMC_QUEUE_FULL', 'Redis is full');
    const hint = reason === 'MOVED' ? ': this is a node of a Redis Cluster; pass an ioredis Cluster as connection' : '';
    throw notSent('MIMC_CONNECT', `Redis rejected the command or did not answer (${reason})${hint}`);
  }
}
