import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { MimcError, type MimcPushService } from '../../index.js';
import { within, notSent } from '../../internals.js';
import { AudienceWriter } from './audience-writer.js';
import { BroadcastStore, type PageRef } from './broadcast-store.js';
import { BroadcastWorker } from './broadcast-worker.js';
import { durabilityWarning } from './durability.js';
import { checkRequest, chunkSizeOf, otherAudience, otherMessage } from './enqueue-checks.js';
import { PageJobs } from './page-jobs.js';
import type { QueueSettings } from './queue-options.js';
import type { MimcBroadcastRequest, MimcFailedChunk, MimcQueuedBroadcast } from './queued-broadcast.js';
import { disconnect } from './redis-clients.js';
import { isForbidden, reasonOf } from '../limiter/limiter-errors.js';

/** How often Redis is asked whether it is there at boot, in milliseconds. */
const RETRY_MS = 200;

/**
 * Broadcasts that outlive processes: an audience is written to Redis, and workers in any number of processes send to it.
 *
 * Delivery is at-most-once by default, over crashes too. A worker claims a chunk in Redis before it sends, which the first
 * one wins for good; a claim without an outcome, left by a worker that died, is reported as `unknown` and never sent again
 * (with `delivery: 'at-least-once'` it is). Producers may die too: enqueueing the same audience under the same id goes on
 * where it ended.
 *
 * A chunk is claimed before it waits for quota: a worker that is killed while its chunks wait leaves up to `concurrency`
 * of them to be reported as `unknown`, though nothing of them was sent.
 *
 * This holds as long as Redis keeps what it was told: with `appendonly yes`, `appendfsync always`, `maxmemory-policy
 * noeviction`, and without a failover to a replica, which is asynchronous. Otherwise the last writes before a crash may
 * be gone: a lost claim lets a chunk be sent twice, a lost outcome makes an accepted chunk `unknown`, and a lost page is
 * only written again if its producer is. At boot a warning is logged when the server is set otherwise.
 *
 * Redis holds the message and the recipients, and no credential.
 *
 * @example
 * await broadcasts.enqueue({ id: 'spring-sale', message: { msg: 'hello' }, audience: readAccounts() });
 */
export class MimcBroadcastQueue implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #store: BroadcastStore;
  readonly #jobs: PageJobs;
  readonly #writer: AudienceWriter;
  readonly #logger = new Logger('MimcBroadcastQueue');
  readonly #closing = new AbortController();
  #worker: BroadcastWorker | undefined;
  #started: Promise<void> | undefined;
  #trouble: string | undefined;
  #closed: Promise<void> | undefined;
  /** When a shutdown must be over, on the clock of `performance.now()`. */
  #closeBy = Infinity;

  /** For the module; applications inject the queue. */
  constructor(
    private readonly push: MimcPushService,
    private readonly queue: Queue<PageRef>,
    private readonly client: Redis,
    private readonly settings: QueueSettings,
  ) {
    this.#store = new BroadcastStore(client, settings);
    this.#jobs = new PageJobs(queue, this.#store);
    this.#writer = new AudienceWriter(this.#store, this.#jobs, () => this.#closing.signal.aborted);
    // Calls that Redis does not answer reject; without a listener the connection would throw besides.
    queue.on('error', () => undefined);
    client.on('error', (error) => (this.#trouble = reasonOf(error)));
  }

  /** Starts the worker, where there is to be one, as soon as Redis answers. */
  onModuleInit(): void {
    this.#started ??= this.#start();
  }

  /**
   * Resolves when Redis answers: for a readiness probe.
   *
   * @param withinMs how long it may take, in milliseconds; default 1,000
   * @throws MimcError `MIMC_CONNECT`, `not-sent`, when it does not
   */
  async ping(withinMs = 1_000): Promise<void> {
    const late = new AbortController();
    try {
      await Promise.race([this.client.ping(), sleep(withinMs, undefined, late).then(() => Promise.reject(noAnswer()))]);
    } catch (error) {
      throw MimcError.is(error) ? error : noAnswer();
    } finally {
      late.abort();
    }
  }

  /**
   * Writes an audience to Redis, page by page, in flat memory; workers send while it is still being read. Resolves when
   * all of it is written. Where it was interrupted, enqueue it again: the audience, which must come in the same order, is
   * read and skipped up to where it was written. A broadcast whose audience is complete is left as it is.
   *
   * One at a time writes an audience: whoever enqueues an id that is not complete takes it over, and who did so before
   * is refused.
   *
   * @throws MimcError `MIMC_INVALID` when the message breaks a rule, or another one has this id, when the audience ends
   * before what was written of it, or when the same id is enqueued elsewhere meanwhile; `MIMC_CLOSED` when the
   * application shuts down before the end. What the audience throws, and errors of Redis, come through.
   */
  async enqueue(request: MimcBroadcastRequest): Promise<MimcQueuedBroadcast> {
    const { id, kind = 'accounts', message: given, audience } = request;
    const chunkSize = chunkSizeOf(kind, this.settings.chunkSize, this.push);
    const message = checkRequest({ id, message: given, audience }, kind, chunkSize, this.push);
    const enqueueing = { id, kind, producer: randomUUID() };
    const begun = await this.#store.begin(enqueueing, message, this.settings);
    if (begun === undefined) throw otherMessage(id);
    if (!begun.sealed && begun.state !== 'cancelled') {
      // Whoever began it may have died between a page and its job.
      if (begun.position > 0) await this.#jobs.addMissing(id);
      await this.#writer.write(enqueueing, audience, begun.position, chunkSize);
    }
    const broadcast = await this.get(id);
    if (broadcast === undefined) throw otherAudience(id);
    return broadcast;
  }

  /** The broadcast as it is now; undefined when there is none, or `retentionMs` have passed since its end. */
  get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return this.#store.get(id);
  }

  /** Sends no more chunks until it is resumed; those under way finish. */
  pause(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return this.#move(id, 'paused');
  }

  /** Goes on with a broadcast that was paused, by whatever. */
  resume(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return this.#move(id, 'running');
  }

  /** Ends a broadcast for good: chunks under way finish, all others are reported as `not-sent`. */
  cancel(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return this.#move(id, 'cancelled');
  }

  /**
   * The recipients who did not, or may not have got the message, in the order of the audience. Fetched as they are taken.
   *
   * @param after only those beyond this offset, to go on from the last one that was seen
   */
  failedChunks(id: string, { after = -1 }: { after?: number | undefined } = {}): AsyncIterable<MimcFailedChunk> {
    return this.#store.failedChunks(id, after);
  }

  /**
   * The broadcast whenever something about it has changed, now and until it has ended.
   *
   * @param intervalMs how often to look, in milliseconds; default 500
   */
  async *watch(
    id: string,
    { intervalMs = 500, signal }: { intervalMs?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<MimcQueuedBroadcast, void, undefined> {
    let last = '';
    for (;;) {
      if (signal?.aborted || this.#closing.signal.aborted) return;
      const broadcast = await this.get(id);
      if (broadcast === undefined) return;
      const seen = JSON.stringify(broadcast);
      if (seen !== last) yield broadcast;
      if (broadcast.ended) return;
      last = seen;
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Stops enqueueing and taking chunks; those under way finish, within `shutdownMs`. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#closing.abort();
    this.#closeBy = Math.min(this.#closeBy, performance.now() + this.settings.shutdownMs);
    await this.#worker?.close();
  }

  /** Closes the connections: in all, shutting down takes no longer than `shutdownMs`, whatever Redis does. */
  onApplicationShutdown(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #start(): Promise<void> {
    const mayAskInfo = await this.#firstAnswer();
    if (this.#closing.signal.aborted) return;
    if (this.settings.worker && mayAskInfo) {
      this.#worker ??= new BroadcastWorker(this.push, this.#jobs, this.settings);
    }
    const warning = await durabilityWarning(this.client);
    if (warning !== undefined && !this.#closing.signal.aborted) this.#logger.warn(warning);
  }

  /**
   * Waits for Redis for as long as the application runs. Whether it lets us ask for INFO: where it does not, a worker of
   * BullMQ asks again and again without a pause, and nothing else runs in the process.
   */
  async #firstAnswer(): Promise<boolean> {
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      try {
        await this.client.info('server');
        return true;
      } catch (error) {
        if (isForbidden(error)) {
          this.#logger.error('This process sends no broadcasts: its Redis user must be allowed to run INFO');
          return false;
        }
        if (attempt === 1) this.#logger.warn(`Waiting for Redis (${this.#trouble ?? reasonOf(error)})`);
      }
      await sleep(RETRY_MS, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
    }
    return false;
  }

  async #close(): Promise<void> {
    await this.beforeApplicationShutdown();
    const left = () => Math.max(0, this.#closeBy - performance.now());
    // A Redis that does not answer any more.
    await within(left(), this.queue.close());
    await disconnect(this.client, left());
    await within(left(), this.#started);
  }

  async #move(id: string, to: 'paused' | 'running' | 'cancelled'): Promise<MimcQueuedBroadcast | undefined> {
    await this.#store.move(id, to);
    const broadcast = await this.get(id);
    // Pages that were parked have no job.
    if (broadcast !== undefined && !broadcast.ended && to !== 'paused') await this.#jobs.addMissing(id);
    return broadcast;
  }
}

function noAnswer(): MimcError {
  const message = 'Redis, which holds the queue, does not answer';
  return notSent('MIMC_CONNECT', message);
}
