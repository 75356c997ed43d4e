import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { MimcError } from 'nestjs-mimc';
import type { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { type LimiterFleet, withRedis } from '../support/redis-limiters.js';
import { mayStartRedis, type TestRedis } from '../support/redis.js';

(mayStartRedis() ? describe : describe.skip)('RedisMimcRateLimiter after a long outage', () => {
  it.concurrent('recovers at once after more refusals than a script can unpack', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add();
      const first = fleet.call(limiter, 1);
      await first.done;
      first.permit.cancel();
      await redis.kill();
      for (let count = 0; count < 10_000; count += 1) {
        await expectRefusal(limiter);
        if (count % 1_000 === 0) await sleep(0);
      }
      await redis.restart();
      await heardAgain(fleet, limiter);
      expect(await used(redis, fleet)).toBe(0);
      await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).resolves.toBeDefined();
    }),
  );

  it.concurrent('does not report to Redis settlements whose units are free by then', () =>
    withRedis(async (redis, fleet) => {
      const limiter = fleet.add({ leaseMs: 1_000 });
      const call = fleet.call(limiter, 10);
      await call.done;
      await redis.kill();
      await expectRefusal(limiter);
      call.permit.settle();
      await sleep(2_100);
      await redis.restart();
      await heardAgain(fleet, limiter);
      expect(await used(redis, fleet)).toBe(0);
      await expect(limiter.acquire('accounts', 1, { lane: 'bulk' })).resolves.toBeDefined();
    }),
  );

  async function expectRefusal(limiter: RedisMimcRateLimiter): Promise<void> {
    const call = limiter.acquire('accounts', 1, { lane: 'bulk' });
    const refusal: unknown = await call.catch((error: unknown) => error);
    if (!MimcError.is(refusal) || refusal.code !== 'MIMC_CONNECT') throw new Error('The call was not refused');
  }

  /** Asks until Redis, which came back empty, answers that all are to wait until the window is clear. */
  async function heardAgain(fleet: LimiterFleet, limiter: RedisMimcRateLimiter): Promise<void> {
    const end = performance.now() + 30_000;
    for (;;) {
      const call = fleet.call(limiter, 1, { deadlineAt: performance.now() + 500 });
      await call.done;
      // Admitted where the window was clear already.
      call.permit.cancel();
      if (call.outcome === 'MIMC_DEADLINE' || call.outcome === 'admitted') return;
      expect(call.outcome).toBe('MIMC_CONNECT');
      expect(performance.now()).toBeLessThan(end);
      await sleep(20);
    }
  }

  /** Units that Redis holds, once it heard of what was owed. */
  async function used(redis: TestRedis, fleet: LimiterFleet): Promise<number> {
    await sleep(200);
    const admin = new Redis(redis.url);
    const counts = await admin.hmget(`{mimc:${fleet.app}}:limiter:accounts:state`, 'open', 'releasing');
    admin.disconnect();
    return counts.reduce((sum, count) => sum + Number(count), 0);
  }
});
