import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule, InjectionToken, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { type MimcAudience, MimcModule, type MimcRateLimiter } from 'nestjs-mimc';
import {
  MimcBroadcastQueue,
  MimcPushQueue,
  MimcQueueModule,
  type MimcQueuedBroadcast,
  type MimcRedisConnection,
  RedisMimcRateLimiter,
} from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../../support/eventually.js';
import { loopbackCertificate } from '../../support/loopback-certificate.js';
import { reusablePort } from '../../support/ports.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { lastOf, optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/recipes.md');

interface Row {
  id: string;
  to_account: string;
  msg: string;
  problem?: string;
}

interface Sql {
  query(text: string, values?: readonly string[]): Promise<Row[]>;
}

interface Relay {
  relay(): Promise<number>;
}

interface LocalTime {
  momentOf: (local: string, timeZone: string) => Date;
  sendAtLocalTime: (
    queue: MimcBroadcastQueue,
    campaign: string,
    local: string,
    audiences: ReadonlyMap<string, MimcAudience<string>>,
  ) => Promise<MimcQueuedBroadcast[]>;
}

describe('docs/recipes.md', () => {
  const table = page.fence('sql', 'push_outbox');
  const outbox = page.ts<{ Sql: InjectionToken; OutboxRelay: Type<Relay> }>('class OutboxRelay');
  const localTime = page.ts<LocalTime>('function momentOf');
  const stages = page.ts<{ queueOf: (stage: string, url: string) => DynamicModule }>('mimc-${stage}');
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

  it('moves pushes from an outbox, each once, over a crash between two steps', async () => {
    const { Sql, OutboxRelay } = await outbox();
    const sql = new OutboxTable();
    sql.insert({ id: 'shipped-1', to_account: 'alice', msg: 'Order 1 is on its way' });
    sql.insert({ id: 'shipped-2', to_account: '', msg: 'Order 2 is on its way' });
    sql.insert({ id: 'shipped-3', to_account: 'carol', msg: 'Order 3 is on its way' });
    sql.failNextDelete = true;
    const app = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }),
        MimcQueueModule.forRoot({ connection: redis.url, prefix: 'outbox' }),
      ],
      providers: [{ provide: Sql, useValue: sql }, OutboxRelay],
    }).compile();
    const relay = app.get<Relay>(OutboxRelay);
    await expect(relay.relay()).rejects.toThrow('died');
    await expect(relay.relay()).resolves.toBe(3);
    expect([...sql.rows.values()]).toEqual([
      expect.objectContaining({ id: 'shipped-2', problem: expect.stringContaining('toAccount') }),
    ]);
    sql.insert({ id: 'shipped-4', to_account: 'dave', msg: 'Order 4 is on its way' });
    // From now on it runs by itself.
    await app.init();
    const pushes = app.get(MimcPushQueue);
    await eventually(async () => expect(await pushes.get('shipped-4')).toMatchObject({ state: 'accepted' }));
    await pushes.wait('shipped-1');
    await pushes.wait('shipped-3');
    await app.close();
    expect(['alice', 'carol', 'dave'].map((account) => mimc.count(account))).toEqual([1, 1, 1]);
    expect(sql.rows.size).toBe(1);
  });

  it('has a table with the columns that the relay reads and writes', () => {
    const columns = [...table.code.matchAll(/^ {2}(\w+) /gm)].map(([, column]) => column);
    expect(columns).toEqual(['id', 'to_account', 'msg', 'problem']);
  });

  it('finds the moment of a local time, in winter, in summer, and around the change between them', async () => {
    const { momentOf } = await localTime();
    const moments = [
      ['2026-06-01T09:00', 'Asia/Shanghai', '2026-06-01T01:00:00.000Z'],
      ['2026-01-15T09:00', 'Europe/Berlin', '2026-01-15T08:00:00.000Z'],
      ['2026-03-29T09:00', 'Europe/Berlin', '2026-03-29T07:00:00.000Z'],
      ['2026-03-28T23:30', 'America/New_York', '2026-03-29T03:30:00.000Z'],
      ['2026-11-01T09:00', 'America/New_York', '2026-11-01T14:00:00.000Z'],
      ['2026-06-01T09:00', 'Asia/Kolkata', '2026-06-01T03:30:00.000Z'],
    ] as const;
    for (const [local, timeZone, utc] of moments) expect(momentOf(local, timeZone).toISOString()).toBe(utc);
  });

  it('sends at a local time in each zone', async () => {
    const { sendAtLocalTime } = await localTime();
    const { broadcasts } = await boot(MimcQueueModule.forRoot({ connection: redis.url, prefix: 'zones' }));
    const clock = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Asia/Shanghai',
      dateStyle: 'short',
      timeStyle: 'short',
    });
    const now = clock.format(new Date()).replace(' ', 'T');
    const audiences = new Map([
      ['Asia/Shanghai', ['alice']],
      ['America/New_York', ['bob']],
    ]);
    const [shanghai, newYork] = await sendAtLocalTime(broadcasts, 'morning', now, audiences);
    expect(newYork).toMatchObject({ id: 'morning.America-New_York', state: 'scheduled' });
    await expect(lastOf(broadcasts.watch(shanghai?.id ?? '', { intervalMs: 20 }))).resolves.toMatchObject({
      state: 'done',
      counts: { accepted: 1 },
    });
    await sendAtLocalTime(broadcasts, 'morning', now, audiences);
    expect([mimc.count('alice'), mimc.count('bob')]).toEqual([1, 0]);
  });

  it('keeps two stages on one Redis apart', async () => {
    const { queueOf } = await stages();
    const [test, live] = [await boot(queueOf('test', redis.url)), await boot(queueOf('live', redis.url))];
    await test.pushes.toAccount({ toAccount: 'alice', msg: 'from test' }, { id: '1' });
    await test.pushes.wait('1');
    await expect(live.pushes.get('1')).resolves.toBeUndefined();
    await live.pushes.toAccount({ toAccount: 'alice', msg: 'from live' }, { id: '1' });
    await live.pushes.wait('1');
    expect(mimc.inbox('alice').map(({ text }) => text)).toEqual(['from test', 'from live']);
  });

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
    const node = await startRedis({
      more: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', ...SHOP],
    });
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

/** The table of an outbox, as a database would keep it. */
class OutboxTable implements Sql {
  readonly rows = new Map<string, Row>();
  /** As if the process died before it. */
  failNextDelete = false;

  insert(row: Row): void {
    this.rows.set(row.id, row);
  }

  async query(text: string, [id = '', problem = '']: readonly string[] = []): Promise<Row[]> {
    const row = this.rows.get(id);
    if (text.startsWith('SELECT id, to_account, msg FROM push_outbox WHERE problem IS NULL')) {
      return [...this.rows.values()].filter((each) => each.problem === undefined);
    }
    if (text === 'UPDATE push_outbox SET problem = $2 WHERE id = $1' && row) {
      this.rows.set(id, { ...row, problem });
    } else if (text === 'DELETE FROM push_outbox WHERE id = $1') {
      if (this.failNextDelete) {
        this.failNextDelete = false;
        throw new Error('The process died');
      }
      this.rows.delete(id);
    } else throw new Error(`Not a statement of the page: ${text}`);
    return [];
  }
}
