import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { MimcModule } from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcPushQueue, MimcQueueModule } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { startRedis } from '../../../support/redis.js';
import { optionsOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/bull-board.md');

describe('docs/recipes/bull-board.md', () => {
  const install = page.fence('sh', 'npm i');
  const board = page.fence('js', 'createBullBoard');

  it('installs every package that it imports', () => {
    const imported = [...board.code.matchAll(/ from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, name]) => name);
    expect(imported.length).toBeGreaterThan(4);
    expect(new Set(imported)).toEqual(new Set(install.code.trim().split(' ').slice(2)));
  });

  // Bull Board itself is not installed here.
  it('names the queues and their prefix as BullMQ sees them', async () => {
    const [redis, mimc] = await Promise.all([startRedis(), MimcEmulator.start()]);
    const queues = MimcQueueModule.forRoot({ connection: redis.url, worker: false });
    const imports = [MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }), queues];
    const app = await (await Test.createTestingModule({ imports }).compile()).init();
    const message = { msg: 'hello' };
    await app.get(MimcPushQueue).toAccount({ toAccount: 'alice', ...message }, { id: '1' });
    await app.get(MimcPushQueue).toTopic({ topicId: '21351198708203521', ...message }, { id: '2' });
    await app.get(MimcBroadcastQueue).enqueue({ id: 'spring-sale', message, audience: ['bob'] });

    expect(board.code).toContain('new Queue(name, { connection, prefix, skipMetasUpdate: true })');
    const prefix = /const prefix = `(.+)`;/
      .exec(board.code)?.[1]
      ?.replace('${process.env.MIMC_APP_ID}', optionsOf(mimc).appId);
    const names = /queues: \[([^\]]+)\]/.exec(board.code)?.[1]?.replaceAll("'", '').split(', ') ?? [];
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const waiting = names.map(async (name) => {
      const queue = new Queue(name, { connection, prefix: prefix ?? '', skipMetasUpdate: true });
      const count = await queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
      await queue.close();
      return [name, count];
    });
    expect(await Promise.all(waiting)).toEqual([
      ['pushes', 1],
      ['topic-pushes', 1],
      ['broadcast.spring-sale', 1],
    ]);
    await connection.quit();
    await app.close();
    await mimc.close();
    await redis.stop();
  });
});
