import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { type UsableRedis, useRedis } from '../support/redis.js';
import { printSharedQuota, runSharedQuota, type SharedQuotaFigures } from './shared-quota-run.js';

/** `npm run test:quota:redis` runs the full minute. */
const seconds = Number(process.env['QUOTA_SECONDS'] ?? 8);

jest.setTimeout((seconds + 120) * 1_000);

describe(`three processes that share 50 units a second for ${seconds} s, weights 1 to 10`, () => {
  let redis: UsableRedis;

  beforeAll(async () => {
    [redis] = await Promise.all([useRedis(), compileProcesses()]);
  }, COMPILE_MS);

  afterAll(() => redis.stop());

  let before: Promise<unknown> = Promise.resolve();

  /** The full minute is a measurement, so its runs take turns. */
  function run(killAfterSeconds?: number): Promise<SharedQuotaFigures> {
    const figures = before.then(() => runSharedQuota(redis.url, seconds, killAfterSeconds));
    if (seconds > 10) before = figures.catch(() => undefined);
    return figures;
  }

  function mustKeepTheQuota(figures: SharedQuotaFigures): void {
    process.stdout.write(`${printSharedQuota(figures)}\n`);
    expect(figures.worstWindow).toBeLessThanOrEqual(50);
    expect(figures.throttled).toBe(0);
  }

  // Alone on two cores: more than 98 %. A busy machine notices answers late, and units are free a second after that.
  it.concurrent('use what a perfect window reaches, none has less than half of its fair share', async () => {
    const figures = await run();
    mustKeepTheQuota(figures);
    expect(figures.arrived / figures.ideal).toBeGreaterThanOrEqual(0.6);
    const fair = figures.arrived / 3;
    for (const units of Object.values(figures.shares)) expect(units).toBeGreaterThan(fair / 2);
  });

  it.concurrent('take over the share of one that is killed', async () => {
    const figures = await run(seconds / 2);
    mustKeepTheQuota(figures);
    expect(figures.arrived / figures.ideal).toBeGreaterThanOrEqual(0.5);
    expect(figures.perSecondAfterKill).toBeGreaterThan(15);
    expect(figures.sharesAfterKill['one']).toBe(0);
    for (const name of ['two', 'three']) {
      expect(figures.sharesAfterKill[name]).toBeGreaterThan((figures.perSecondAfterKill * (seconds / 2 - 0.5)) / 4);
    }
  });
});
