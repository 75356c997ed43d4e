import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MimcError, type MimcLane, MimcModule, MimcPushService } from 'nestjs-mimc';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { type UsableRedis, useRedis } from '../support/redis.js';

const LIMIT = 50;
const MS = 6_000;
const KEYS = ['state', 'held', 'interactive', 'bulk'];

describe('RedisMimcRateLimiter when Redis loses keys', () => {
  let redis: UsableRedis;
  let admin: Redis;

  beforeAll(async () => {
    redis = await useRedis();
    admin = new Redis(redis.url);
  });

  afterAll(async () => {
    await admin.quit();
    await redis.stop();
  });

  it.concurrent.each([
    ['state', 2_026],
    ['held', 2_027],
    ['any', 2_028],
    ['any', 77_777],
  ])('lets nothing more through: %s (seed %i)', async (which, seed) => {
    const app = randomUUID();
    const random = lehmer(seed);
    const keyOf = (name: string) => `{mimc:${app}}:limiter:accounts:${name}`;
    const emulator = await MimcEmulator.start({ quota: { accountsPerSecond: LIMIT } });
    const clients = await Promise.all([0, 1, 2].map(() => client(redis.url, app, emulator)));
    const end = performance.now() + MS;
    const strange: unknown[] = [];
    const keepBusy = async ({ push }: Client, priority: MimcLane) => {
      while (performance.now() < end) {
        const toAccounts = Array.from({ length: 1 + Math.floor(random() * 10) }, (_, index) => `member-${index}`);
        await push.toAccounts({ toAccounts, msg: 'hello' }, { priority }).catch((error: unknown) => {
          if (!MimcError.is(error)) strange.push(error);
          else strange.push(error.code);
        });
      }
    };
    const busy = clients.flatMap((each) => [
      keepBusy(each, 'bulk'),
      keepBusy(each, 'bulk'),
      keepBusy(each, 'interactive'),
    ]);
    let lost = 0;
    while (performance.now() < end - 2_000) {
      await sleep(300 + random() * 1_500);
      const name = which === 'any' ? KEYS[Math.floor(random() * KEYS.length)] : which;
      lost += await admin.del(keyOf(name ?? 'state'));
    }
    await Promise.all(busy);
    expect(strange).toEqual([]);
    expect(lost).toBeGreaterThan(0);
    expect(emulator.worstWindow.accounts).toBeLessThanOrEqual(LIMIT);
    expect(emulator.totals.accepted).toBeGreaterThan(0);
    await Promise.all(clients.map(({ nest }) => nest.close()));
    await emulator.close();
  });

  it.concurrent('holds what is open through the loss, for as long as it takes', async () => {
    const [app, accountsPerSecond] = [randomUUID(), 10];
    const limiters = [0, 1].map(() => new RedisMimcRateLimiter({ connection: redis.url, app, accountsPerSecond }));
    const [one, two] = limiters;
    const slow = await one?.acquire('accounts', 10, { lane: 'bulk' });
    await admin.del(KEYS.map((name) => `{mimc:${app}}:limiter:accounts:${name}`));
    let isAdmitted = false;
    const other = two?.acquire('accounts', 1, { lane: 'interactive' }).then(() => (isAdmitted = true));
    await sleep(3_000);
    expect(isAdmitted).toBe(false);
    slow?.cancel();
    await other;
    await Promise.all(limiters.map((limiter) => limiter.close()));
  });
});

interface Client {
  readonly nest: TestingModule;
  readonly push: MimcPushService;
}

async function client(connection: string, app: string, emulator: MimcEmulator): Promise<Client> {
  const limiter = new RedisMimcRateLimiter({ connection, app });
  const options = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'news', limiter, deadlineMs: 120_000 };
  const nest = await Test.createTestingModule({
    imports: [MimcModule.forRoot({ ...options, retry: false })],
  }).compile();
  await nest.init();
  return { nest, push: nest.get(MimcPushService) };
}

/** Lehmer's generator with the constants of Park and Miller; above 0 and below 1. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
