import { setMaxListeners } from 'node:events';
import { type BeforeApplicationShutdown, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { MimcError, type MimcErrorCode, type MimcPushService } from '../../index.js';
import { notSent, within } from '../../internals.js';
import { bullmq } from '../loaded-peers.js';
import { type OpenRedis, openRedis, redisReason } from '../redis-connection.js';
import { BroadcastStore } from './broadcast-store.js';
import { QueueKeys } from './queue-keys.js';
import type { QueueSettings } from './queue-options.js';
import { QueueWorker } from './queue-worker.js';
import type { RunContext } from './run-context.js';

/** How long Redis may take to answer a command whose caller waits, in milliseconds. */
const ANSWER_MS = 5_000;

/** How long continuing trouble is not logged again, in milliseconds. */
const QUIET_MS = 60_000;

/** The number of BullMQ queues kept open. */
const MAX_QUEUES = 100;

/** The number of events that BullMQ keeps per queue, for tools that follow it. */
const EVENTS = 100;

/** What both queues share: the Redis connections, BullMQ's queues, and the worker of this process. */
export class QueueHost implements RunContext, OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
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
  /** How often the connection for callers was established. */
  #connects = 0;
  readonly #onReady = (): void => void (this.#connects += 1);
  /** When shutdown must be complete, on the clock of `performance.now()`. */
  #closeBy = Infinity;

  /** Logs Redis trouble once a minute, not once per command. */
  readonly warn = (error: unknown): void => {
    const now = performance.now();
    if (this.#closing.signal.aborted || now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    const reason = this.#caller.trouble ?? this.#blocking.trouble ?? redisReason(error);
    this.#logger.warn(`The queue has trouble with Redis (${reason}); it continues by itself`);
  };

  constructor(
    readonly push: MimcPushService,
    readonly settings: QueueSettings,
  ) {
    // Each job whose outcome Redis has yet to confirm listens.
    setMaxListeners(0, this.#giveUp.signal);
    this.keys = new QueueKeys(settings.prefix, push.appId);
    this.#caller = openRedis(settings.connection, { whenAway: 'fail', answerMs: ANSWER_MS });
    this.#caller.client.on('ready', this.#onReady);
    this.#blocking = openRedis(settings.connection, { whenAway: 'wait' });
    this.store = new BroadcastStore(this.#caller.client, this.keys);
  }

  // Written out because the inferred type has type arguments that ioredis 5 lacks.
  get redis(): Redis | Cluster {
    return this.#caller.client;
  }

  get workerRedis(): Redis | Cluster {
    return this.#blocking.client;
  }

  /** Aborts when shutdown ends, and outcomes that Redis has not confirmed are lost. */
  get giveUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Aborts when shutdown begins. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  onModuleInit(): void {
    if (this.settings.worker) this.#worker ??= new QueueWorker(this);
  }

  /**
   * As {@link answered}, for commands that make a worker send. The outcome is `not-sent` only if it is certain that Redis did not
   * execute them: it was not reached, or refused a single command on the only connection by which that can have been sent.
   * On a second one, its answer may be to the same command sent again.
   *
   * @param next what the caller should do
   * @throws MimcError as {@link answered}, or `MIMC_CONNECT` or `MIMC_QUEUE_FULL`, `unknown`
   */
  async committed<T>(next: string, work: () => Promise<T>, { isOne = true, isStored = false } = {}): Promise<T> {
    const connects = this.#connects;
    const wasThere = this.redis.status === 'ready';
    try {
      return await work();
    } catch (error) {
      const connected = this.#connects - connects;
      // A Cluster reconnects to a node, and sends again, without a word.
      const isSentOnce = connected === (wasThere ? 0 : 1) && !this.redis.isCluster;
      const isRefused = isOne && isSentOnce && error instanceof Error && error.name === 'ReplyError';
      const isCertain = isRefused || (!wasThere && connected === 0);
      if (MimcError.is(error) || (isCertain && !isStored)) return answered(Promise.reject(error));
      const reason = redisReason(error);
      throw unconfirmed(
        `Redis did not confirm (${reason}); ${next}`,
        reason === 'OOM' ? 'MIMC_QUEUE_FULL' : 'MIMC_CONNECT',
      );
    }
  }

  /** BullMQ's queue with this name. */
  queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    if (this.#giveUp.signal.aborted) throw notSent('MIMC_CLOSED', 'The application is shutting down');
    const queue = new bullmq.Queue(name, {
      connection: this.#caller.client,
      prefix: this.keys.prefix,
      skipVersionCheck: true,
      streams: { events: { maxLen: EVENTS } },
    });
    queue.on('error', this.warn);
    this.#queues.set(name, queue);
    const [oldest] = this.#queues;
    if (this.#queues.size > MAX_QUEUES && oldest !== undefined) {
      this.#queues.delete(oldest[0]);
      void oldest[1].close().catch(() => undefined);
    }
    return queue;
  }

  /** Closes the queue of a broadcast that is being forgotten, if it is open. */
  async drop(name: string): Promise<void> {
    const queue = this.#queues.get(name);
    this.#queues.delete(name);
    await queue?.close();
  }

  /** Makes the worker of this process check now which broadcasts should run. */
  look(): void {
    this.#worker?.look();
  }

  /** Makes the worker of this process stop a broadcast now. */
  halt(id: string): void {
    this.#worker?.halt(id);
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
    this.#caller.client.off('ready', this.#onReady);
  }

  #leftMs(): number {
    return Math.max(0, this.#closeBy - performance.now());
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

/** The error of a call that a worker may act on, although Redis did not confirm it. */
export function unconfirmed(message: string, code: MimcErrorCode = 'MIMC_CONNECT'): MimcError {
  return new MimcError({ code, outcome: 'unknown', message });
}
