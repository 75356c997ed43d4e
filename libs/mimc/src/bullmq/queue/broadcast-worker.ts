import { Logger } from '@nestjs/common';
import type { Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { MimcPushService } from '../../index.js';
import { within } from '../../internals.js';
import { bullmq } from '../loaded-peers.js';
import { BroadcastStore, type PageRef } from './broadcast-store.js';
import type { PageJobs } from './page-jobs.js';
import { PageRunner } from './page-runner.js';
import { PageStore } from './page-store.js';
import type { QueueSettings } from './queue-options.js';
import { disconnect, workerClient } from './redis-clients.js';
import { Sweep } from './sweep.js';

/** A job that stalls is never failed for it: its page decides what is to be done. */
const MAX_STALLS = 1_000_000;

/** When a page that met an error of Redis is tried again, in milliseconds. */
const TROUBLE_MS = 1_000;

/** Takes pages from BullMQ and sends them, several at a time. */
export class BroadcastWorker {
  readonly #logger = new Logger('MimcBroadcastQueue');
  readonly #closing = new AbortController();
  readonly #client: Redis;
  readonly #store: BroadcastStore;
  readonly #runner: PageRunner;
  readonly #worker: Worker<PageRef>;
  readonly #sweep: Sweep;
  readonly #shutdownMs: number;
  #closed: Promise<void> | undefined;
  #trouble = '';

  constructor(push: MimcPushService, jobs: PageJobs, settings: QueueSettings) {
    const { connection, queueName, prefix, concurrency, lockMs, shutdownMs, retry } = settings;
    this.#shutdownMs = shutdownMs;
    this.#client = workerClient(connection);
    this.#client.on('error', (error) => this.#warn(error));
    this.#client.on('ready', () => (this.#trouble = ''));
    this.#store = new BroadcastStore(this.#client, settings);
    this.#runner = new PageRunner(push, retry, this.#closing.signal);
    this.#worker = new bullmq.Worker<PageRef>(queueName, (job, token) => this.#process(job, token), {
      connection: this.#client,
      prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      maxStalledCount: MAX_STALLS,
    });
    this.#worker.on('error', (error) => this.#warn(error));
    // A page that is not settled gets a new job, whatever BullMQ thought of the old one.
    this.#worker.on('failed', (job) => job && void jobs.add([job.data]).catch((error: Error) => this.#warn(error)));
    this.#sweep = new Sweep(this.#store, jobs, lockMs);
  }

  /** Takes no more pages; resolves when requests under way are over and settled, or their time is up. */
  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  async #end(): Promise<void> {
    const begunAt = performance.now();
    this.#closing.abort();
    this.#sweep.stop();
    // Without Redis nothing can be settled: what is claimed will be found as unknown. BullMQ would wait for it for ever.
    const force = this.#client.status !== 'ready';
    let isClosed = false;
    const close = async () => {
      await this.#worker.close(force).catch((error: Error) => this.#warn(error));
      isClosed = true;
    };
    await within(this.#shutdownMs, close());
    // That was not long enough: its connections are cut.
    if (!isClosed) void this.#worker.disconnect().catch(() => undefined);
    await disconnect(this.#client, Math.max(0, begunAt + this.#shutdownMs - performance.now()));
  }

  async #process(job: Job<PageRef>, token: string | undefined): Promise<void> {
    const { data } = job;
    const afterMs = await this.#run(data);
    if (afterMs === undefined) return;
    await job.moveToDelayed(Date.now() + afterMs, token);
    throw new bullmq.DelayedError();
  }

  /** When the page is to be run again, in milliseconds; undefined when its job is done. */
  async #run(ref: PageRef): Promise<number | undefined> {
    try {
      const end = await this.#runner.run(new PageStore(this.#client, this.#store.keys(ref.id), ref));
      if (end.is === 'over') return undefined;
      if (end.is === 'retry') return end.afterMs;
      // The push service refuses calls already: the application shuts down.
      void this.close();
      return 0;
    } catch (error) {
      this.#warn(error instanceof Error ? error : new Error(String(error)));
      return TROUBLE_MS;
    }
  }

  /** Redis in trouble is told of once, not for every command. */
  #warn({ message }: Error): void {
    if (this.#closing.signal.aborted || message === this.#trouble) return;
    this.#trouble = message;
    this.#logger.warn(`The broadcast worker has trouble with Redis: ${message}`);
  }
}
