import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  type MimcBroadcastCheckpoint,
  MimcBroadcastService,
  MimcModule,
  type MimcModuleOptions,
  MimcPushService,
} from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcQueueModule } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { withMimcEnv } from '../../support/sample-app.js';
import { bench, boot, envOf, lastOf, optionsOf } from '../support/apps.js';
import { ROOT } from '../support/markdown.js';
import { commandsOf, OPTIONAL_PEERS, unknownPackages } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';
import { session, Shell } from '../support/shell.js';

const page = new PageUnderTest('docs/broadcast.md');

interface Newsletter {
  send(file: string, resume?: MimcBroadcastCheckpoint): Promise<MimcBroadcastCheckpoint>;
}

interface Campaigns {
  start(accounts: AsyncIterable<string>): Promise<string>;
  failures(id: string): Promise<void>;
}

describe('docs/broadcast.md', () => {
  const inProcess = page.ts<{ Newsletter: Type<Newsletter> }>('class Newsletter');
  const csv = page.ts<{
    sendToTable: (broadcasts: MimcBroadcastService, rows: AsyncIterable<object>) => Promise<object>;
  }>('function sendToTable');
  const each = page.ts<{
    greet: (broadcasts: MimcBroadcastService, users: AsyncIterable<object>) => Promise<object>;
  }>('function greet(');
  const install = page.fence('sh', 'npm i bullmq');
  const durable = page.ts<{ AppModule: Type; Campaigns: Type<Campaigns> }>('class Campaigns');
  const timed = page.ts<{
    announce: (queue: MimcBroadcastQueue, audience: AsyncIterable<string>, startAt: Date) => Promise<object>;
  }>('function announce');
  const terminal = page.fence('console', 'npm run broadcast');
  const shared = page.ts<{ sharedQuota: (options: MimcModuleOptions, url: string) => Type }>('sharedQuota');
  let directory: string;
  let redis: TestRedis;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'nestjs-mimc-docs-'));
    redis = await startRedis({ persistence: true });
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(directory, { recursive: true });
  });

  it('shows a broadcast in process', async () => {
    const { Newsletter } = await inProcess();
    const { mimc, app, close } = await bench([Newsletter]);
    const log = jest.spyOn(console, 'log').mockReturnValue();
    const file = audience('in-process.txt', 20);
    writeFileSync(file, `\uFEFF${readFileSync(file, 'utf8')}`);
    const checkpoint = await app.get(Newsletter).send(file);
    await app.get(Newsletter).send(file, checkpoint);
    expect(log.mock.calls).toEqual([
      ['end', 20, 'accepted', 0, 'unknown'],
      ['end', 0, 'accepted', 0, 'unknown'],
    ]);
    expect(mimc.totals.accountsDelivered).toBe(20);
    expect(mimc.count('user-0')).toBe(1);
    log.mockRestore();
    await close();
  });

  it('shows a broadcast from a table', async () => {
    const { sendToTable } = await csv();
    const { mimc, app, close } = await bench([]);
    const rows = (async function* () {
      yield { account: 'alice ', phone: '1' };
      yield { phone: '2' };
      yield { account: 'bob', phone: '3' };
    })();
    await expect(sendToTable(app.get(MimcBroadcastService), rows)).resolves.toMatchObject({ accepted: 2, invalid: 1 });
    expect([mimc.count('alice'), mimc.count('bob')]).toEqual([1, 1]);
    await close();
  });

  it('shows a broadcast with a text for each', async () => {
    const { greet } = await each();
    const { mimc, app, close } = await bench([]);
    const users = (async function* () {
      yield { account: 'alice', name: 'Alice' };
      yield { account: 'bob', name: 'Bob' };
    })();
    await expect(greet(app.get(MimcBroadcastService), users)).resolves.toMatchObject({ accepted: 2 });
    expect(mimc.inbox('alice')).toMatchObject([{ msg: 'Good morning, Alice' }]);
    expect(mimc.inbox('bob')).toMatchObject([{ msg: 'Good morning, Bob' }]);
    await close();
  });

  it('installs the optional peers that the queue needs', () => {
    // Not run, as it needs the registry.
    expect(unknownPackages(commandsOf(install))).toEqual([]);
    const [command = ''] = commandsOf(install);
    expect(OPTIONAL_PEERS).toEqual(expect.arrayContaining(command.split(' ').slice(2)));
  });

  it('shows a durable broadcast', async () => {
    const mimc = await MimcEmulator.start();
    process.env['REDIS_URL'] = redis.url;
    const { AppModule, Campaigns } = await durable();
    delete process.env['REDIS_URL'];
    const app = await withMimcEnv(envOf(mimc), () => boot(AppModule));
    mimc.failNext({ kind: 'code', code: 403 });
    const campaigns = app.get<Campaigns>(Campaigns, { strict: false });
    expect(await campaigns.start(accounts(30))).toMatch(/^spring-sale is (running|done)$/);
    const queue = app.get(MimcBroadcastQueue, { strict: false });
    expect(await lastOf(queue.watch('spring-sale', { intervalMs: 20 }))).toMatchObject({
      ended: true,
      counts: { accepted: 20, refused: 10 },
    });
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    await campaigns.failures('spring-sale');
    expect(warn.mock.calls).toEqual([['refused', expect.any(Array)]]);
    warn.mockRestore();
    await app.close();
    await mimc.close();
  });

  it('shows a broadcast with times, hours and a weight', async () => {
    const mimc = await MimcEmulator.start();
    const connection = redis.url;
    const app = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }),
        MimcQueueModule.forRoot({ connection, prefix: 'timed' }),
      ],
    }).compile();
    const queue = (await app.init()).get(MimcBroadcastQueue);
    const { announce } = await timed();
    const startAt = new Date(Date.now() + 3_600_000);
    const expiresAt = new Date(startAt.getTime() + 12 * 3_600_000);
    const expected = { state: 'scheduled', weight: 3, startAt, expiresAt, counts: { pending: 3 } };
    await expect(announce(queue, accounts(3), startAt)).resolves.toMatchObject(expected);
    await app.close();
    await mimc.close();
  });

  it('shows one quota for all processes', async () => {
    const mimc = await MimcEmulator.start({ quota: true });
    const { sharedQuota } = await shared();
    const apps = [
      await boot(sharedQuota(optionsOf(mimc), redis.url)),
      await boot(sharedQuota(optionsOf(mimc), redis.url)),
    ];
    const toAccounts = Array.from({ length: 50 }, (_, n) => `user-${n}`);
    await Promise.all(
      apps.map((app) => app.get(MimcPushService, { strict: false }).toAccounts({ toAccounts, msg: 'hello' })),
    );
    expect(mimc.totals).toMatchObject({ accepted: 2, throttled: 0 });
    expect(mimc.worstWindow.accounts).toBe(50);
    for (const app of apps) await app.close();
    await mimc.close();
  });

  it('shows the terminal, stopped and begun again', async () => {
    const file = audience('audience.txt', 250);
    const [first, second] = session(terminal);
    const swap = (command = '') => command.replace('audience.txt', file);

    const stopped = new Shell(swap(first?.command), { cwd: ROOT });
    await stopped.until('0/250');
    // Part of the way: 250 accounts take 4 s or more.
    await sleep(1_500);
    stopped.signal('SIGINT');
    await stopped.ended;
    expect(linesOf(stopped.output)).toEqual(linesOf(first?.output ?? ''));

    // What the script runs, without building it again.
    const built = 'node dist/apps/console/src/broadcast-cli.js';
    const resumed = new Shell(swap(second?.command).replace('npm run broadcast --', built), { cwd: ROOT });
    expect(await resumed.ended).toBe(0);
    expect(linesOf(resumed.output)).toEqual(linesOf(second?.output ?? ''));
  }, 300_000);

  /** What is printed, once each, without progress bars, numbers, the folder, and what npm and the shown Ctrl+C add. */
  function linesOf(output: string): string[] {
    const lines = output.replaceAll(`${directory}/`, '').split(/[\r\n]+/);
    const own = lines.filter((line) => line !== '' && line !== '^C' && !/^(\[|> |npm )/.test(line));
    return own.map((line) => line.replaceAll(/\d+/g, '0'));
  }

  function audience(name: string, count: number): string {
    const file = join(directory, name);
    writeFileSync(file, Array.from({ length: count }, (_, n) => `user-${n}\n`).join(''));
    return file;
  }
});

async function* accounts(count: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) yield `user-${n}`;
}
