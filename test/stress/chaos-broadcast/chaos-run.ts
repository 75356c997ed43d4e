import { setTimeout as sleep } from 'node:timers/promises';
import type { MimcDelivery } from 'nestjs-mimc';
import { MimcBroadcastQueue, type MimcFailedChunk, type MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { audienceOf } from './chaos-audience.js';
import { type BroadcastChaosReport, judge } from './chaos-report.js';
import { Child } from './child.js';
import { Crew } from './crew.js';
import { bootQueueApp, type QueueAppSettings } from './queue-app.js';

/** A chaos run of the durable queue. */
export interface BroadcastChaosOptions {
  readonly delivery: MimcDelivery;
  readonly recipients: number;
  readonly workers: number;
  readonly killEveryMs: number;
  readonly lockMs: number;
  readonly concurrency: number;
}

const ID = 'chaos';

/**
 * Sends a broadcast by several worker processes, one of which is killed every so often and started again, while Redis
 * crashes once in the middle; then compares what the queue reports with the ledger of the emulator.
 */
export async function runBroadcastChaos(options: BroadcastChaosOptions): Promise<BroadcastChaosReport> {
  const { delivery, recipients, concurrency, lockMs } = options;
  const began = performance.now();
  const emulator = new Child(new URL('emulator-process.js', import.meta.url), {});
  const mimcUrl = String(await emulator.ready());
  const redis = await startRedis({ persistence: true });
  const settings: QueueAppSettings = { mimcUrl, redisUrl: redis.url, delivery, worker: true, concurrency, lockMs };
  const crew = new Crew(settings, options.workers);
  const app = await bootQueueApp({ ...settings, worker: false });
  const broadcasts = app.get(MimcBroadcastQueue);
  const over = new AbortController();
  try {
    const killing = crew.disturb(options.killEveryMs, over.signal);
    const crashing = crashInTheMiddle(redis, broadcasts, recipients, over.signal);
    await enqueue(broadcasts, recipients);
    const broadcast = await ended(broadcasts);
    over.abort();
    await Promise.all([killing, crashing]);
    const failures: MimcFailedChunk[] = [];
    for await (const failure of broadcasts.failedChunks(ID)) failures.push(failure);
    const ledger = Buffer.from(String(await emulator.ask(String(recipients))), 'base64');
    const seconds = (performance.now() - began) / 1_000;
    return {
      delivery,
      broadcast,
      kills: crew.kills,
      freezes: crew.freezes,
      seconds,
      ...judge(delivery, broadcast, failures, ledger),
    };
  } finally {
    over.abort();
    await crew.end();
    await app.close();
    await redis.stop();
    await emulator.kill();
  }
}

/** Enqueues until it goes well: where Redis crashed in between, it goes on. */
async function enqueue(broadcasts: MimcBroadcastQueue, recipients: number): Promise<void> {
  for (;;) {
    try {
      await broadcasts.enqueue({ id: ID, message: { msg: 'hello' }, audience: audienceOf(recipients) });
      return;
    } catch (error) {
      process.stdout.write(`enqueueing again: ${String(error)}\n`);
      await sleep(200);
    }
  }
}

async function ended(broadcasts: MimcBroadcastQueue): Promise<MimcQueuedBroadcast> {
  for (;;) {
    const broadcast = await broadcasts.get(ID).catch(() => undefined);
    if (broadcast?.ended) return broadcast;
    if (broadcast?.state === 'paused') throw new Error(`It paused: ${JSON.stringify(broadcast)}`);
    await sleep(100);
  }
}

async function crashInTheMiddle(
  redis: TestRedis,
  broadcasts: MimcBroadcastQueue,
  recipients: number,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    const counts = (await broadcasts.get(ID))?.counts;
    if (counts !== undefined && counts.accepted > recipients / 3) break;
    await sleep(20);
  }
  await redis.kill();
  await sleep(300);
  await redis.restart();
}
