import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { secrets } from '../support/push-app.js';
import { reusablePort } from '../support/ports.js';
import { mayStartRedis, startRedis, type TestRedis } from '../support/redis.js';
import { bootQueue } from './queue-app.js';

const SLOTS = 16_384;

// A Redis that somebody else started is one server.
(mayStartRedis() ? describe : describe.skip)('on a Redis Cluster of three nodes', () => {
  let nodes: TestRedis[] = [];
  let mimc: MimcEmulator;
  let cluster: Cluster;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets, quota: true });
    // The default, 10,000 above the port, is among those that the system hands out by itself.
    const busPorts = [await reusablePort(), await reusablePort(), await reusablePort()] as const;
    const options = (busPort: number) => ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)];
    nodes = await Promise.all(busPorts.map((busPort) => startRedis({ more: options(busPort) })));
    const clients = nodes.map(({ url }) => new Redis(url));
    const share = Math.ceil(SLOTS / clients.length);
    for (const [index, client] of clients.entries()) {
      const last = Math.min(SLOTS, (index + 1) * share) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', index * share, last);
      await client.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0]?.port ?? 0, busPorts[0]);
    }
    for (const client of clients) {
      await eventually(async () => {
        if (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) throw new Error('Not yet');
      });
      client.disconnect();
    }
    cluster = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
    await eventually(() => {
      if (cluster.nodes('master').length !== 3) throw new Error('Not yet');
    });
  });
  afterAll(async () => {
    cluster.disconnect();
    for (const node of nodes) await node.stop();
    await mimc.close();
  });

  it('runs a broadcast, single pushes and the shared limiter', async () => {
    const limiter = new RedisMimcRateLimiter({ connection: cluster, app: secrets.appId });
    const app = await bootQueue({
      mimc: { baseUrl: mimc.url, quota: { accountsPerSecond: 50 }, limiter },
      queue: { connection: cluster },
    });
    const audience = Array.from({ length: 100 }, (_, n) => `user-${n}`);
    await app.broadcasts.enqueue({ id: 'b', message: { msg: 'hello' }, audience });
    await app.pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '1' });
    await expect(app.pushes.wait('1')).resolves.toMatchObject({ state: 'accepted' });
    await eventually(async () => {
      expect(await app.broadcasts.get('b')).toMatchObject({ state: 'done', counts: { accepted: 100 } });
    });
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(50);
    expect(audience.every((account) => mimc.count(account) === 1)).toBe(true);
    await app.close();
    await limiter.close();
    expect(cluster.status).toBe('ready');
  });

  it('says what is wrong when it is given one of its nodes', async () => {
    const tried = nodes.map(async ({ url }) => {
      const app = await bootQueue({ mimc: { baseUrl: mimc.url }, queue: { connection: url, worker: false } });
      const [read] = await Promise.allSettled([app.pushes.get('1')]);
      await app.close();
      return read.status === 'rejected' ? String(read.reason) : 'It has the slot';
    });
    const answers = await Promise.all(tried);
    expect(answers.toSorted()).toEqual([
      'It has the slot',
      expect.stringContaining('pass an ioredis Cluster'),
      expect.stringContaining('pass an ioredis Cluster'),
    ]);
  });
});
