import type { DynamicModule, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mimcConfig, MimcModule, MimcPushService } from 'nestjs-mimc';
import { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { withMimcEnv } from '../../support/sample-app.js';
import { boot, envOf, lastOf, optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';
import { run } from '../support/shell.js';

const page = new PageUnderTest('docs/processes.md');

describe('docs/processes.md', () => {
  const divided = page.fence('sh', 'MIMC_ACCOUNTS_PER_SECOND');
  const shared = page.ts<{ AppModule: Type }>('RedisMimcRateLimiter');
  const roles = page.ts<{ inTheApi: DynamicModule; inTheWorker: DynamicModule }>('inTheApi');
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis({ persistence: true });
    process.env['REDIS_URL'] = redis.url;
  });
  afterAll(async () => {
    delete process.env['REDIS_URL'];
    await redis.stop();
  });

  it('divides by variables that the module reads', async () => {
    const printed = await run(`${divided.code}\nenv | grep ^MIMC_`);
    const env = Object.fromEntries(
      printed
        .trim()
        .split('\n')
        .map((line) => line.split('=', 2)),
    );
    const options = await withMimcEnv(env, async () => mimcConfig());
    expect(options.quota).toEqual({ accountsPerSecond: 12, topicsPerSecond: 5 });
  });

  it('shares one quota', async () => {
    const mimc = await MimcEmulator.start({ quota: true });
    const { AppModule } = await shared();
    const apps = await withMimcEnv(envOf(mimc), async () => [await boot(AppModule), await boot(AppModule)]);
    const toAccounts = Array.from({ length: 30 }, (_, n) => `user-${n}`);
    await Promise.all(
      apps.map((app) => app.get(MimcPushService, { strict: false }).toAccounts({ toAccounts, msg: 'hello' })),
    );
    expect(mimc.totals).toMatchObject({ accepted: 2, throttled: 0 });
    expect(mimc.worstWindow.accounts).toBe(30);
    for (const app of apps) await app.close();
    await mimc.close();
  });

  it('enqueues in one process and sends in another', async () => {
    const mimc = await MimcEmulator.start();
    const { inTheApi, inTheWorker } = await roles();
    const bootRole = async (role: DynamicModule) =>
      (
        await Test.createTestingModule({
          imports: [MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }), role],
        }).compile()
      ).init();
    const api = await bootRole(inTheApi);
    const queue = api.get(MimcBroadcastQueue, { strict: false });
    await queue.enqueue({ id: 'roles', message: { msg: 'hello' }, audience: ['alice', 'bob'] });
    expect(await queue.get('roles')).toMatchObject({ state: 'running', counts: { pending: 2 } });
    const worker = await bootRole(inTheWorker);
    expect(await lastOf(queue.watch('roles', { intervalMs: 20 }))).toMatchObject({
      ended: true,
      counts: { accepted: 2 },
    });
    expect(mimc.count('alice')).toBe(1);
    await worker.close();
    await api.close();
    await mimc.close();
  });
});
