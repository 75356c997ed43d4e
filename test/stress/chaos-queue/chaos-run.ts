import { setTimeout as sleep } from 'node:timers/promises';
import { inPages, type MimcDelivery } from 'nestjs-mimc';
import { MimcBroadcastQueue, type MimcFailedChunk, MimcPushQueue, type MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import type { MimcEmulatorCredentials } from 'nestjs-mimc/testing';
import { pagesOf } from './chaos-audience.js';
import { type ChaosEvidence, judge, type QueueChaosReport } from './chaos-report.js';
import { Child } from './child.js';
import { claimedRecipients } from './claims.js';
import { Crew } from './crew.js';
import { disturb, type Disturbance } from './disturbances.js';
import type { LedgerAnswer, LedgerQuestion } from './emulator-process.js';
import { PushStream, SINGLE } from './push-stream.js';
import { bootQueueApp, type QueueAppSettings } from './queue-app.js';
import { RedisEndpoint } from './redis-endpoint.js';

/** A chaos run of the durable queues. */
export interface QueueChaosOptions {
  readonly delivery: MimcDelivery;
  /** Of each of three equal broadcasts; a fourth one has half of it. */
  readonly recipients: number;
  /** The quota. */
  readonly accountsPerSecond: number;
  /** How long MIMC takes to answer, in milliseconds: long enough that workers die with requests in flight. */
  readonly answerMs: number;
  readonly workers: number;
  readonly concurrency: number;
  readonly lockMs: number;
  /** What goes wrong, spread over the run by how many recipients are done. */
  readonly disturbances: readonly Disturbance[];
  /** Where the programs of the processes are, compiled: this folder. */
  readonly programs: URL;
}

/** Of equal size. */
export const EQUAL = ['one', 'two', 'three'];
/** Half as large, and cancelled while Redis is full. */
const SMALL = 'small';
const PUSH_EVERY_MS = 100;

/**
 * Sends four broadcasts and a stream of single pushes by several worker processes that share a quota, while workers are
 * killed and halted and Redis has all kinds of trouble; then compares what the queues report with the ledger of the emulator.
 */
export async function runQueueChaos(options: QueueChaosOptions): Promise<QueueChaosReport> {
  const run = await QueueChaos.start(options);
  try {
    return await run.toTheEnd();
  } finally {
    await run.close();
  }
}

class QueueChaos {
  readonly #over = new AbortController();
  readonly #sizes: Readonly<Record<string, number>>;
  readonly #broadcasts: MimcBroadcastQueue;
  readonly #stream: PushStream;
  readonly #paused = new Set<string>();
  readonly #troubles: string[] = [];
  #claimed = 0;
  #isCancelled = false;

  private constructor(
    private readonly options: QueueChaosOptions,
    private readonly emulator: Child,
    private readonly redis: RedisEndpoint,
    private readonly crew: Crew,
    private readonly app: Awaited<ReturnType<typeof bootQueueApp>>,
    private readonly prefix: string,
  ) {
    this.#broadcasts = app.get(MimcBroadcastQueue);
    this.#stream = new PushStream(app.get(MimcPushQueue), PUSH_EVERY_MS);
    const equal = EQUAL.map((id) => [id, options.recipients] as const);
    this.#sizes = { ...Object.fromEntries(equal), [SMALL]: Math.ceil(options.recipients / 2) };
  }

  static async start(options: QueueChaosOptions): Promise<QueueChaos> {
    const { workers, accountsPerSecond, answerMs, delivery, concurrency, lockMs, programs } = options;
    const emulator = new Child(new URL('emulator-process.js', programs), { accountsPerSecond, answerMs });
    const mimc = (await emulator.ready()) as { url: string; credentials: MimcEmulatorCredentials };
    const redis = await RedisEndpoint.start();
    const settings: QueueAppSettings = {
      mimcUrl: mimc.url,
      credentials: mimc.credentials,
      redisUrl: redis.url,
      worker: true,
      prefix: 'chaos',
      delivery,
      concurrency,
      lockMs,
      accountsPerSecond,
    };
    const crew = new Crew(new URL('worker-process.js', programs), settings, workers);
    const app = await bootQueueApp({ ...settings, worker: false });
    return new QueueChaos(options, emulator, redis, crew, app, `{chaos:${mimc.credentials.appId}}`);
  }

  async toTheEnd(): Promise<QueueChaosReport> {
    const began = performance.now();
    const over = this.#over;
    await this.crew.ready();
    const streaming = this.#stream.run(over.signal);
    const disturbing = this.#disturb();
    // Who enqueues later starts level with the others, so that all four run at once.
    await Promise.all(Object.keys(this.#sizes).map((id) => this.#enqueue(id)));
    const ends = await Promise.all(Object.keys(this.#sizes).map((id) => this.#end(id)));
    await disturbing;
    await this.crew.awake();
    over.abort();
    await streaming;
    const pushes = await this.#stream.ends();
    const broadcasts: ChaosEvidence['broadcasts'][number][] = [];
    for (const { id } of ends) broadcasts.push(await this.#found(id));
    await this.crew.end();
    if (this.crew.deaths > 0) this.#troubles.push(`${this.crew.deaths} workers ended by themselves`);
    const question: LedgerQuestion = { ...this.#sizes, [SINGLE]: this.#stream.added };
    const ledger = (await this.emulator.ask(JSON.stringify(question))) as LedgerAnswer;
    return judge({
      options: this.options,
      equal: EQUAL,
      broadcasts,
      pushes,
      ledger,
      claimed: this.#claimed,
      paused: [...this.#paused],
      troubles: this.#troubles,
      seconds: (performance.now() - began) / 1_000,
    });
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.crew.end();
    await this.app.close();
    await this.redis.stop();
    await this.emulator.kill();
  }

  /** Enqueues until it goes well, as a producer does that is started again. */
  async #enqueue(id: string): Promise<void> {
    for (;;) {
      try {
        const audience = inPages(pagesOf(id, this.#sizes[id] ?? 0));
        await this.#broadcasts.enqueue({ id, message: { msg: 'hello' }, audience });
        return;
      } catch {
        await sleep(200);
      }
    }
  }

  async #end(id: string): Promise<MimcQueuedBroadcast> {
    for (;;) {
      const broadcast = await this.#get(id);
      if (broadcast?.state === 'paused') this.#paused.add(`${id}: ${JSON.stringify(broadcast.pausedBy)}`);
      if (broadcast?.ended) return broadcast;
      await sleep(200);
    }
  }

  #get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return this.#broadcasts.get(id).catch(() => undefined);
  }

  /**
   * The broadcast and who did not get it. BullMQ moves a job after its outcome is counted, or a good while later when its
   * worker dies just then; and a worker that was halted may know of some who are `unknown`.
   */
  async #found(id: string): Promise<ChaosEvidence['broadcasts'][number]> {
    for (let tries = 0; ; tries += 1) {
      const failures: MimcFailedChunk[] = [];
      for await (const failure of this.#broadcasts.failedChunks(id)) failures.push(failure);
      const broadcast = await this.#get(id);
      const found = failures.reduce((sum, { recipients }) => sum + recipients.length, 0);
      if (broadcast !== undefined && (found === broadcast.counts.read - broadcast.counts.accepted || tries > 100)) {
        return { broadcast, failures };
      }
      await sleep(this.options.lockMs / 20);
    }
  }

  async #disturb(): Promise<void> {
    const { disturbances, lockMs } = this.options;
    const total = EQUAL.length * this.options.recipients;
    const whenFull = () => this.#cancelSmall();
    const whenStopped = () => this.#countClaims();
    for (const [index, kind] of disturbances.entries()) {
      const isTime = ((index + 1) / (disturbances.length + 1)) * total;
      while ((await this.#done()) < isTime) await sleep(50);
      await disturb(kind, { crew: this.crew, redis: this.redis, lockMs, whenFull, whenStopped });
    }
  }

  /** Recipients of the three equal broadcasts that are done. */
  async #done(): Promise<number> {
    const all = await Promise.all(EQUAL.map((id) => this.#get(id)));
    return all.reduce((sum, known) => sum + (known === undefined ? 0 : known.counts.read - known.counts.pending), 0);
  }

  /** Even a Redis that is full does it. */
  async #cancelSmall(): Promise<void> {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    try {
      const before = await this.#broadcasts.get(SMALL);
      const after = await this.#broadcasts.cancel(SMALL);
      // In a small run it may have been sent to its end by then.
      if (after?.state !== 'cancelled' && before?.ended !== true)
        this.#troubles.push(`a full Redis left the cancelled broadcast ${after?.state}`);
    } catch (error) {
      this.#troubles.push(`a full Redis could not cancel: ${String(error)}`);
    }
  }

  async #countClaims(): Promise<void> {
    // What it sent last has reached Redis by then, and nobody has taken it over.
    await sleep(this.options.lockMs / 10);
    const queues = ['pushes', ...Object.keys(this.#sizes).map((id) => `broadcast.${id}`)];
    this.#claimed += await claimedRecipients(this.redis.admin, this.prefix, queues);
  }
}
