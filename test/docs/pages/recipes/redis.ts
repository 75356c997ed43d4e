import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { MimcModule, type MimcRateLimiter } from 'nestjs-mimc';
import {
  MimcBroadcastQueue,
  MimcPushQueue,
  MimcQueueModule,
  type MimcRedisConnection,
  RedisMimcRateLimiter,
} from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../../../support/eventually.js';
import { loopbackCertificate } from '../../../support/loopback-certificate.js';
import { reusablePort } from '../../../support/ports.js';
import { startRedis, type TestRedis } from '../../../support/redis.js';
import { optionsOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/redis.md');

describe('docs/recipes/redis.md', () => {
  const tls = page.ts<{ byUrl: string; byOptions: (host: string, port: number, ca: string) => RedisOptions }>('rediss');
  const sentinel = page.ts<{ bySentinels: (sentinels: object[]) => RedisOptions }>('bySentinels');
  const cluster = page.ts<{ byCluster: (nodes: object[]) => Cluster }>('byCluster');
  const acl = page.fence('text', 'ACL SETUSER').code;
  let redis: TestRedis;
  let mimc: MimcEmulator;
  let closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    for (const close of closing.toReversed()) await close();
    closing = [];
    await mimc.close();
  });

  /** An application that sends through the emulator. */
  async function boot(queue: DynamicModule, limiter?: MimcRateLimiter) {
    const mimcModule = MimcModule.forRoot({ ...optionsOf(mimc), ...(limiter && { limiter }), isGlobal: true });
    const app = await (await Test.createTestingModule({ imports: [mimcModule, queue] }).compile()).init();
    closing.push(() => app.close());
    return { pushes: app.get(MimcPushQueue), broadcasts: app.get(MimcBroadcastQueue) };
  }

  it('works for a user with the rights that are shown, with and without INFO', async () => {
    const admin = new Redis(redis.url);
    closing.push(() => admin.quit());
    const [, ...words] = acl.split(' ');
    const url = redis.url.replace('//', '//shop:secret@');
    await admin.call('ACL', ...words);
    await expect(sendOver(url)).resolves.toEqual(SENT);
    await admin.flushall();
    await admin.call('ACL', ...words, '-info');
    await expect(sendOver(url)).resolves.toEqual(SENT);
    const shop = new Redis(url);
    closing.push(() => shop.quit());
    for (const [command = '', ...args] of [
      ['INFO'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
      ['FLUSHALL'],
      ['GET', 'other'],
    ]) {
      await expect(shop.call(command, args)).rejects.toThrow('NOPERM');
    }
  });

  it('works over TLS', async () => {
    const { byUrl, byOptions } = await tls();
    const port = await reusablePort();
    const secured = await startSecured(port);
    closing.push(() => secured.stop());
    await expect(sendOver(byOptions('127.0.0.1', port, loopbackCertificate.cert))).resolves.toEqual(SENT);
    const parsed = new Redis(byUrl, { lazyConnect: true }).options;
    expect(parsed).toMatchObject({ username: 'shop', password: 'secret', tls: expect.anything() });
  });

  it('finds Redis by Sentinels', async () => {
    const { bySentinels } = await sentinel();
    const master = await startRedis();
    closing.push(() => master.stop());
    const admin = new Redis(master.url);
    await admin.call('CONFIG', 'SET', 'requirepass', 'secret');
    admin.disconnect();
    const monitor = [`sentinel monitor mymaster 127.0.0.1 ${master.port} 1`, 'sentinel auth-pass mymaster secret'];
    const watcher = await startRedis({ more: ['--sentinel'], config: monitor });
    closing.push(() => watcher.stop());
    const guard = new Redis(watcher.url, { enableReadyCheck: false });
    await guard.call('ACL', 'SETUSER', 'default', '>secret');
    guard.disconnect();
    await expect(sendOver(bySentinels([{ host: '127.0.0.1', port: watcher.port }]))).resolves.toEqual(SENT);
  });

  it('works on a Cluster', async () => {
    const { byCluster } = await cluster();
    // The default port of the bus is among those that the system hands out by itself.
    const bus = ['--cluster-port', String(await reusablePort()), '--cluster-announce-ip', '127.0.0.1'];
    const node = await startRedis({ more: ['--cluster-enabled', 'yes', ...bus, ...SHOP] });
    closing.push(() => node.stop());
    const admin = new Redis(node.url);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await eventually(async () => expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'));
    admin.disconnect();
    const client = byCluster([{ host: '127.0.0.1', port: node.port }]);
    closing.push(() => client.quit());
    await expect(sendOver(client)).resolves.toEqual(SENT);
  });

  /** Sends a broadcast and a single push, both through a shared limiter, pauses and cancels; counts who got what. */
  async function sendOver(connection: MimcRedisConnection): Promise<typeof SENT> {
    mimc.clear();
    const { appId } = mimc.credentials;
    const limiter = new RedisMimcRateLimiter({ connection, app: appId });
    closing.push(() => limiter.close());
    const { pushes, broadcasts } = await boot(MimcQueueModule.forRoot({ connection }), limiter);
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '1' });
    await expect(pushes.wait('1', { timeoutMs: 20_000 })).resolves.toMatchObject({ state: 'accepted' });
    const tomorrow = new Date(Date.now() + 86_400_000);
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '2', sendAt: tomorrow });
    await expect(pushes.cancel('2')).resolves.toMatchObject({ state: 'cancelled' });
    const message = { msg: 'hello' };
    await broadcasts.enqueue({ id: 'later', message, audience: ['bob'], startAt: tomorrow });
    await expect(broadcasts.pause('later')).resolves.toMatchObject({ state: 'paused' });
    await broadcasts.cancel('later');
    await broadcasts.enqueue({ id: 'now', message, audience: ['carol'] });
    for (const [id, state] of [
      ['later', 'cancelled'],
      ['now', 'done'],
    ] as const) {
      await eventually(async () => expect(await broadcasts.get(id)).toMatchObject({ ended: true, state }));
    }
    return { alice: mimc.count('alice'), bob: mimc.count('bob'), carol: mimc.count('carol') };
  }
});

/** What arrives when everything works. */
const SENT = { alice: 1, bob: 0, carol: 1 };

/** A user of Redis, as the page names it. */
const SHOP = ['--user', 'shop', 'on', '>secret', '~*', '&*', '+@all'];

/** Redis that listens with TLS on this port. */
async function startSecured(port: number): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'nestjs-mimc-tls-'));
  const files = { key: join(directory, 'key.pem'), cert: join(directory, 'cert.pem') };
  writeFileSync(files.key, loopbackCertificate.key);
  writeFileSync(files.cert, loopbackCertificate.cert);
  const identity = ['--tls-cert-file', files.cert, '--tls-key-file', files.key, '--tls-ca-cert-file', files.cert];
  const more = ['--tls-port', String(port), ...identity, '--tls-auth-clients', 'no', ...SHOP];
  const server = await startRedis({ more });
  // It has read them.
  rmSync(directory, { recursive: true });
  return server;
}
