import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { MimcBroadcastQueue, MimcBroadcastQueueOptions, MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { BroadcastStore } from '../../libs/mimc/src/bullmq/queue/broadcast-store.js';
import { PageStore } from '../../libs/mimc/src/bullmq/queue/page-store.js';
import { Child } from '../stress/chaos-broadcast/child.js';
import { activeResources, resourcesLeft } from '../stress/chaos/process-watch.js';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';
import { mayStartRedis, startRedis, type UsableRedis, useRedis } from '../support/redis.js';
import { bootQueue, type QueueApp } from './queue-app.js';

const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const message = { msg: 'hello' };

/** Processes run what the compiler makes of test/stress/chaos-broadcast. */
const COMPILED = join(process.cwd(), 'dist/chaos-broadcast/test/stress/chaos-broadcast');

async function compile(): Promise<void> {
  const nest = join(process.cwd(), 'node_modules/@nestjs/cli/bin/nest.js');
  await promisify(execFile)(process.execPath, [nest, 'build', '--path', 'test/stress/chaos-broadcast/tsconfig.json']);
}

describe('a broadcast whose workers and producers die', () => {
  let redis: UsableRedis;
  let client: Redis;
  let mimc: MimcEmulator;
  let apps: QueueApp[] = [];
  let prefix = '';

  beforeAll(async () => {
    redis = await useRedis();
    client = new Redis(redis.url);
    await compile();
  }, 180_000);
  afterAll(async () => {
    await client.quit();
    await redis.stop();
  });
  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    prefix = `crash-${randomUUID()}`;
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    apps = [];
    await mimc.close();
    const keys = await client.keys(`{${prefix}}:*`);
    if (keys.length > 0) await client.del(keys);
  });

  const boot = async (queue: Partial<MimcBroadcastQueueOptions>): Promise<MimcBroadcastQueue> => {
    const app = await bootQueue({
      mimc: { baseUrl: mimc.url },
      queue: { connection: redis.url, prefix, lockMs: 1_000, ...queue },
    });
    apps.push(app);
    return app.broadcasts;
  };
  const endOf = async (broadcasts: MimcBroadcastQueue, id: string) => {
    let last: MimcQueuedBroadcast | undefined;
    for await (last of broadcasts.watch(id, { intervalMs: 20 }));
    return last;
  };
  /** What a worker process holds of the first page. */
  const holder = () => {
    const store = new BroadcastStore(client, { prefix: `{${prefix}}`, queueName: 'broadcasts' });
    return new PageStore(client, store.keys('b'), { id: 'b', page: 0, run: '0' });
  };

  it('grants each chunk to the first claimant only, and no more of a page to one that was replaced', async () => {
    const producer = await boot({ worker: false });
    await producer.enqueue({ id: 'b', message, audience: accounts(30) });
    const [stalled, replacement] = [holder(), holder()];
    await stalled.open();
    await expect(stalled.claim(0)).resolves.toEqual({ is: 'claimed', attempt: 1 });
    // A command that is repeated, as its answer was lost.
    await expect(stalled.claim(0)).resolves.toEqual({ is: 'claimed', attempt: 1 });
    await replacement.open();
    await expect(replacement.claim(0)).resolves.toMatchObject({ is: 'abandoned' });
    await expect(stalled.claim(1)).resolves.toEqual({ is: 'stale' });
    await expect(replacement.claim(1)).resolves.toEqual({ is: 'claimed', attempt: 1 });
    await stalled.settle({ chunk: 1, outcome: 'accepted', by: 'own' });
    await expect(stalled.release(1)).resolves.toBe(false);
    await expect(producer.get('b')).resolves.toMatchObject({ counts: { accepted: 0, pending: 30 } });
  });

  it('reports a chunk that was claimed and never heard of as unknown, and corrects it when it is heard of', async () => {
    const producer = await boot({ worker: false });
    await producer.enqueue({ id: 'b', message, audience: accounts(30) });
    const stalled = holder();
    await stalled.open();
    await stalled.claim(1);
    await boot({});
    await expect(endOf(producer, 'b')).resolves.toMatchObject({
      state: 'done',
      counts: { accepted: 20, unknown: 10, pending: 0 },
    });
    const failures = [];
    for await (const failure of producer.failedChunks('b')) failures.push(failure);
    expect(failures).toMatchObject([{ offset: 10, outcome: 'unknown', recipients: accounts(20).slice(10) }]);
    expect(mimc.requests).toHaveLength(2);

    await stalled.settle({ chunk: 1, outcome: 'accepted', by: 'own' });
    await stalled.settle({ chunk: 1, outcome: 'accepted', by: 'own' });
    await expect(producer.get('b')).resolves.toMatchObject({ counts: { accepted: 30, unknown: 0, pending: 0 } });
    for await (const failure of producer.failedChunks('b')) throw new Error(`It is still reported: ${failure.outcome}`);
  });

  it('sends such a chunk again with at-least-once delivery, but not for ever', async () => {
    const producer = await boot({ worker: false, delivery: 'at-least-once', retry: { maxAttempts: 2 } });
    await producer.enqueue({ id: 'b', message, audience: accounts(20) });
    const first = holder();
    await first.open();
    await first.claim(0);
    await first.claim(1);
    const second = holder();
    await second.open();
    await expect(second.claim(1)).resolves.toEqual({ is: 'claimed', attempt: 2 });
    await boot({});
    await expect(endOf(producer, 'b')).resolves.toMatchObject({ counts: { accepted: 10, unknown: 10 } });
    expect([mimc.count('user-0'), mimc.count('user-10')]).toEqual([1, 0]);
  });

  it('repeats what may have been sent only with at-least-once delivery', async () => {
    const broadcasts = await boot({ delivery: 'at-least-once', retry: { baseDelayMs: 10 } });
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(10) });
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ counts: { accepted: 10, unknown: 0 } });
    expect(mimc.count('user-0')).toBe(2);
  });

  it('loses and doubles nobody when its producer is killed while it enqueues, and started again', async () => {
    const size = 6_000;
    const settings = {
      mimcUrl: mimc.url,
      redisUrl: redis.url,
      prefix,
      delivery: 'at-most-once',
      worker: false,
      concurrency: 1,
      lockMs: 1_000,
      size,
    };
    const start = (hangAt?: number) =>
      new Child(pathToFileURL(join(COMPILED, 'producer-process.js')), { ...settings, hangAt });
    const broadcasts = await boot({ concurrency: 16 });
    const readAt = async () => (await broadcasts.get('produced'))?.counts.read ?? 0;
    for (const killAt of [500, 2_000, 4_000]) {
      // Soon after, so that it cannot be done before this process gets to kill it.
      const producer = start(killAt + 500);
      await eventually(async () => expect(await readAt()).toBeGreaterThanOrEqual(killAt), 60_000);
      await producer.kill();
      await expect(broadcasts.get('produced')).resolves.toMatchObject({ enqueued: false });
    }
    const last = start();
    await expect(last.ready()).resolves.toBe(size);
    await last.kill();
    await expect(endOf(broadcasts, 'produced')).resolves.toMatchObject({ counts: { read: size, accepted: size } });
    expect(accounts(size).filter((account) => mimc.count(account) !== 1)).toEqual([]);
  });

  it('leaves nothing open when the application closes, with Redis away too', async () => {
    const before = activeResources();
    await boot({});
    await boot({ connection: 'redis://127.0.0.1:1' });
    for (const app of apps.splice(0)) await app.close();
    await expect(resourcesLeft(before)).resolves.toEqual([]);
  });

  it('names wrong options at boot, and never shows their values', async () => {
    const options = {
      connection: 'http://user:s3cret@redis',
      chunkSize: 0,
      delivery: 'once',
      retry: { maxAttempts: 0 },
    };
    const error = await errorOf(boot(options as never));
    expect(error.code).toBe('MIMC_CONFIG');
    expect(error.violations?.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['connection', 'delivery', 'chunkSize', 'retry.maxAttempts']),
    );
    expect(JSON.stringify(error)).not.toContain('s3cret');
  });

  const ifMayStart = mayStartRedis() ? describe : describe.skip;

  ifMayStart('with a Redis of its own', () => {
    it('warns at boot unless Redis keeps every write', async () => {
      const logOf = async (url: string, isDone: (log: string) => boolean) => {
        const app = await bootQueue({ mimc: { baseUrl: mimc.url }, queue: { connection: url } });
        for (let turn = 0; turn < 50 && !isDone(app.log.join()); turn += 1) await sleep(20);
        await app.close();
        return app.log.join('\n');
      };
      const [forgetful, durable] = [await startRedis(), await startRedis({ persistence: true })];
      try {
        expect(await logOf(forgetful.url, (log) => log.includes('claims'))).toMatch(
          /may forget claims.*appendonly is no, not yes/,
        );
        expect(await logOf(durable.url, () => false)).not.toMatch(/claims/);
        const admin = new Redis(durable.url);
        await admin.call('ACL', 'SETUSER', 'app', 'on', '>word', '~*', '&*', '+@all', '-config');
        await admin.quit();
        expect(await logOf(`redis://app:word@127.0.0.1:${durable.port}`, (log) => log.includes('claims'))).toMatch(
          /could not be checked/,
        );
      } finally {
        await Promise.all([forgetful.stop(), durable.stop()]);
      }
    });

    it('keeps its promises while workers are killed and halted and Redis crashes', async () => {
      const size = ['--recipients', '3000', '--kill-every', '1500', '--lock', '1000', '--concurrency', '2'];
      const { stdout } = await promisify(execFile)(process.execPath, [join(COMPILED, 'main.js'), ...size]);
      process.stdout.write(stdout);
      expect(stdout.match(/all promises held/g)).toHaveLength(2);
      expect(stdout).toMatch(/[1-9]\d* workers killed/);
    });
  });
});
