import type { DynamicModule } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { MimcModule } from 'nestjs-mimc';
import { MimcPushQueue } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { startRedis } from '../../../support/redis.js';
import { optionsOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/one-redis.md');

describe('docs/recipes/one-redis.md', () => {
  const stages = page.ts<{ queueOf: (stage: string, url: string) => DynamicModule }>('mimc-${stage}');

  it('keeps two stages on one Redis apart', async () => {
    const { queueOf } = await stages();
    const [redis, mimc] = await Promise.all([startRedis(), MimcEmulator.start()]);
    const boot = async (stage: string) => {
      const imports = [MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }), queueOf(stage, redis.url)];
      return (await Test.createTestingModule({ imports }).compile()).init();
    };
    const apps = [await boot('test'), await boot('live')] as const;
    const [test, live] = [apps[0].get(MimcPushQueue), apps[1].get(MimcPushQueue)];
    await test.toAccount({ toAccount: 'alice', msg: 'from test' }, { id: '1' });
    await test.wait('1');
    await expect(live.get('1')).resolves.toBeUndefined();
    await live.toAccount({ toAccount: 'alice', msg: 'from live' }, { id: '1' });
    await live.wait('1');
    expect(mimc.inbox('alice').map(({ text }) => text)).toEqual(['from test', 'from live']);
    for (const app of apps) await app.close();
    await mimc.close();
    await redis.stop();
  });
});
