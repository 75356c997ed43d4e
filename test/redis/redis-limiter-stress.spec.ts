import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { MimcError, type MimcLane } from 'nestjs-mimc';
import type { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { LimiterFleet } from '../support/redis-limiters.js';
import { type UsableRedis, useRedis } from '../support/redis.js';

const LIMIT = 20;
const MS = 4_000;

describe('RedisMimcRateLimiter under random load of several processes', () => {
  let redis: UsableRedis;

  beforeAll(async () => {
    redis = await useRedis();
  });

  afterAll(() => redis.stop());

  it.concurrent.each([2_026, 77_777])(
    'never exceeds a window and settles every call in its order (seed %i)',
    async (seed) => {
      const random = lehmer(seed);
      const fleet = new LimiterFleet(redis.url);
      const limiters = Array.from({ length: 4 }, () => fleet.add({ accountsPerSecond: LIMIT }));
      const arrivals: { at: number; units: number }[] = [];
      const admitted = new Map<string, number[]>();
      const strange: unknown[] = [];

      const call = async (limiter: RedisMimcRateLimiter, lane: MimcLane, line: string, index: number) => {
        const signal = random() < 0.2 ? AbortSignal.timeout(Math.ceil(random() * 1_500)) : undefined;
        const deadlineAt = random() < 0.2 ? performance.now() + random() * 2_000 : undefined;
        const units = 1 + Math.floor(random() * (random() < 0.1 ? LIMIT : 6));
        try {
          const permit = await limiter.acquire('accounts', units, { lane, signal, deadlineAt });
          admitted.set(line, [...(admitted.get(line) ?? []), index]);
          if (random() < 0.1) return permit.cancel();
          await sleep(random() * 80);
          arrivals.push({ at: performance.now(), units });
          await sleep(random() * 120);
          permit.settle();
        } catch (error) {
          const isExpected = MimcError.is(error) ? error.code === 'MIMC_DEADLINE' : error === signal?.reason;
          if (!isExpected) strange.push(error);
        }
      };

      const calls: Promise<void>[] = [];
      const end = performance.now() + MS;
      for (let index = 0; performance.now() < end; index += 1) {
        const process = Math.floor(random() * limiters.length);
        const lane = random() < 0.5 ? 'bulk' : 'interactive';
        const limiter = limiters[process];
        if (limiter !== undefined) calls.push(call(limiter, lane, `${process} ${lane}`, index));
        if (random() < 0.01) limiter?.penalize('accounts', random() * 300);
        await sleep(random() * 160);
      }
      await Promise.all(calls);
      expect(strange).toEqual([]);
      expect(worstWindow(arrivals)).toBeLessThanOrEqual(LIMIT);
      for (const line of admitted.values()) expect(line).toEqual(line.toSorted((a, b) => a - b));
      for (const limiter of limiters) {
        await eventually(() => expect(limiter.status('accounts')).toMatchObject({ queued: 0, usedUnits: 0 }));
      }
      await expect(limiters[0]?.acquire('accounts', LIMIT, { lane: 'bulk' })).resolves.toBeDefined();
      await fleet.close();
    },
  );
});

function worstWindow(arrivals: readonly { at: number; units: number }[]): number {
  const windows = arrivals.map(({ at: from }) => {
    const within = arrivals.filter(({ at }) => at >= from && at < from + 1_000);
    return within.reduce((sum, { units }) => sum + units, 0);
  });
  return Math.max(...windows);
}

/** Lehmer's generator with the constants of Park and Miller; above 0 and below 1. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
