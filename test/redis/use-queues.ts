import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Redis } from 'ioredis';
import type { MimcBroadcastQueue, MimcFailedChunk, MimcQueuedBroadcast, MimcQueueOptions } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { secrets } from '../support/push-app.js';
import { type UsableRedis, useRedis } from '../support/redis.js';
import { bootQueue, type QueueApp, type QueueAppOptions } from './queue-app.js';

/** What a test of the queues works with. */
export interface Queues {
  readonly redis: UsableRedis;
  readonly client: Redis;
  /** A new one for each test, with the credentials of `secrets`. */
  readonly mimc: MimcEmulator;
  /** Begins the keys of each test, which go with it. */
  readonly prefix: string;
  /** Boots an application on them, which is closed after the test. */
  readonly boot: (options?: QueueAppOptions) => Promise<QueueApp>;
  /** Closes all applications, and whatever else is to go with them, such as processes. */
  readonly close: () => Promise<void>;
  /** Has `end` called when applications are closed. */
  readonly closeWith: (end: () => Promise<unknown>) => void;
}

/** Registers the hooks that a suite of the queues needs; `defaults` are options of all its queues. */
export function useQueues(defaults: Partial<MimcQueueOptions> = {}): Queues {
  let redis: UsableRedis;
  let client: Redis;
  let mimc: MimcEmulator;
  let prefix = '';
  let ends: (() => Promise<unknown>)[] = [];

  const closeWith = (end: () => Promise<unknown>) => void ends.push(end);
  const close = async () => {
    const before = ends;
    ends = [];
    for (const end of before) await end();
  };
  const boot = async ({ mimc: more, queue }: QueueAppOptions = {}) => {
    const app = await bootQueue({
      mimc: { baseUrl: mimc.url, ...more },
      queue: { connection: redis.url, prefix, ...defaults, ...queue },
    });
    closeWith(() => app.close());
    return app;
  };

  beforeAll(async () => {
    redis = await useRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    await client.quit();
    await redis.stop();
  });
  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    prefix = `test-${randomUUID()}`;
  });
  afterEach(async () => {
    await close();
    await mimc.close();
    const keys = await client.keys(`{${prefix}:*`);
    if (keys.length > 0) await client.del(keys);
  });

  return {
    get redis() {
      return redis;
    },
    get client() {
      return client;
    },
    get mimc() {
      return mimc;
    },
    get prefix() {
      return prefix;
    },
    boot,
    close,
    closeWith,
  };
}

/** An audience. */
export function accounts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`);
}

/** A broadcast once it has ended. */
export async function endOf(broadcasts: MimcBroadcastQueue, id: string): Promise<MimcQueuedBroadcast | undefined> {
  let last: MimcQueuedBroadcast | undefined;
  for await (last of broadcasts.watch(id, { intervalMs: 20 }));
  return last;
}

/** The failures of a broadcast, in the order of its audience. */
export async function failuresOf(broadcasts: MimcBroadcastQueue, id: string): Promise<MimcFailedChunk[]> {
  const failures: MimcFailedChunk[] = [];
  for await (const failure of broadcasts.failedChunks(id)) failures.push(failure);
  return failures.toSorted((a, b) => a.offset - b.offset);
}
