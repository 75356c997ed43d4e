import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MimcError, type MimcBroadcastProgress } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { type SampleApp, startDemo, withMimcEnv } from '../../support/sample-app.js';
import { bench, boot, envOf } from '../support/apps.js';
import { commandsOf, missingPeers, OPTIONAL_PEERS, unknownPackages, unknownScripts } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';
import { replay } from '../support/shell.js';

const page = new PageUnderTest('README.md');
page.test("it('survives a throttled push'");

describe('README.md, the sample', () => {
  const commands = page.fence('sh', 'npm ci && npm start');
  const single = page.fence('console', 'localhost:3000/push/p2p -H');
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  afterAll(() => sample.close());

  it('starts with scripts that exist', () => {
    // Not run: this is a run of `npm test`, and other tests start the sample.
    expect(unknownScripts(commandsOf(commands))).toEqual([]);
  });

  it('answers as shown', async () => {
    const swap = (command: string) => command.replace('localhost:3000', sample.url.replace('http://', ''));
    const singleReplayed = await replay(single, swap);
    expect(singleReplayed.printed).toEqual(singleReplayed.shown);
    expect(sample.emulator.totals).toMatchObject({ accountsDelivered: 1 });
  });
});

describe('README.md, installing and pushing first', () => {
  const installs = [page.fence('sh', 'nestjs-mimc @nestjs/axios @'), page.fence('sh', '@nestjs/axios@4')];
  const first = page.ts<{ AppModule: Type; Orders: Type<Orders> }>('class Orders');

  it.each(installs)('installs every peer that an application lacks: $code', (install) => {
    // Not run, as it needs the registry: `test:consumers` installs for Nest 11 and 12.
    const inEveryApplication = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];
    const commands = commandsOf(install).map((command) => command.replaceAll(/@\d+/g, ''));
    expect(unknownPackages(commands)).toEqual([]);
    expect(missingPeers(commands, [...OPTIONAL_PEERS, ...inEveryApplication])).toEqual([]);
  });

  it('shows a push', async () => {
    const mimc = await MimcEmulator.start();
    const { AppModule, Orders } = await first();
    const app = await withMimcEnv(envOf(mimc), () => boot(AppModule));
    expect(await app.get(Orders).shipped('alice')).toBe(mimc.inbox('alice')[0]?.packetId);
    await app.close();
    await mimc.close();
  });
});

describe('README.md, pushing', () => {
  const orderNews = page.ts<{ OrderNews: Type<OrderNews> }>('class OrderNews');
  const newsletter = page.ts<{ Newsletter: Type<Newsletter> }>('class Newsletter');
  const whatNow = page.ts<{ whatNow: (error: unknown) => string }>('function whatNow');

  it('shows every kind of message and recipient', async () => {
    const { OrderNews } = await orderNews();
    const { mimc, app, close } = await bench([OrderNews]);
    const news = app.get(OrderNews);
    expect(await news.delayed(['bob', 'carol'], 7)).toHaveLength(2);
    expect(mimc.inbox('bob')).toMatchObject([
      { text: '{"type":"delayed","orderId":7}', bizType: 'ORDER', isStore: true },
    ]);
    await news.announce('9223372036854775807', new AbortController().signal);
    expect(mimc.topicCount('9223372036854775807')).toBe(1);
    await news.picture([21351198708203521n], new Uint8Array([0xff, 0xd8]));
    expect(mimc.topicInbox(21351198708203521n)).toMatchObject([
      { payload: Buffer.from([0xff, 0xd8]), fromAccount: 'studio' },
    ]);
    await close();
  });

  it('shows a broadcast that reports each chunk and can be resumed', async () => {
    const { Newsletter } = await newsletter();
    const { mimc, app, close } = await bench([Newsletter]);
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    mimc.failNext({ kind: 'code', code: 403 });
    const checkpoints: unknown[] = [];
    const progress = await app
      .get(Newsletter)
      .send(accounts(25), async (checkpoint) => void checkpoints.push(checkpoint));
    expect(progress).toMatchObject({ read: 25, accepted: 15, refused: 10 });
    expect(warn.mock.calls).toEqual([['MIMC_API', 'refused', 'from recipient', expect.any(Number)]]);
    expect(checkpoints).toHaveLength(3);
    warn.mockRestore();
    await close();
  });

  it('shows what to do with each outcome', async () => {
    const { whatNow: decide } = await whatNow();
    const error = (init: Pick<MimcError, 'code' | 'outcome'>) => new MimcError({ ...init, message: '' });
    expect(decide(error({ code: 'MIMC_CONNECT', outcome: 'not-sent' }))).toBe('later');
    expect(decide(error({ code: 'MIMC_API', outcome: 'refused' }))).toBe('fix');
    expect(decide(error({ code: 'MIMC_TIMEOUT', outcome: 'unknown' }))).toBe('check');
    expect(() => decide(new TypeError('other'))).toThrow('other');
  });
});

interface Orders {
  shipped(account: string): Promise<string>;
}

interface OrderNews {
  delayed(accounts: string[], orderId: number): Promise<readonly string[]>;
  announce(topicId: string, signal: AbortSignal): Promise<void>;
  picture(topicIds: bigint[], jpeg: Uint8Array): Promise<void>;
}

interface Newsletter {
  send(accounts: AsyncIterable<string>, save: (checkpoint: unknown) => Promise<void>): Promise<MimcBroadcastProgress>;
}

async function* accounts(count: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) yield `user-${n}`;
}
