import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MimcError, type MimcBroadcastProgress } from 'nestjs-mimc';
import { type SampleApp, startDemo } from '../../support/sample-app.js';
import { bench } from '../support/apps.js';
import { folderOf } from '../support/blocks.js';
import {
  buildPackage,
  commandsOf,
  missingPeers,
  OPTIONAL_PEERS,
  unknownPackages,
  unknownScripts,
  withBuiltBin,
} from '../support/package.js';
import { reusablePort } from '../../support/ports.js';
import { PageUnderTest } from '../support/scenario.js';
import { replay, run, Shell } from '../support/shell.js';

const page = new PageUnderTest('README.md');
page.test("it('survives a throttled push'");

describe('README.md, the sample', () => {
  const commands = page.fence('sh', 'npm ci && npm start');
  const single = page.fence('console', 'localhost:3000/push/p2p -H');
  const others = page.fence('console', 'localhost:3000/push/p2p/more');
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
    const othersReplayed = await replay(others, swap);
    expect(othersReplayed.printed).toEqual(othersReplayed.shown);
    expect(sample.emulator.totals).toMatchObject({ accountsDelivered: 3, topicsDelivered: 3 });
  });
});

describe('README.md, the quick start', () => {
  const create = page.fence('sh', 'npm init -y');
  const install = page.fence('sh', 'npm i nestjs-mimc');
  const tsconfig = page.fence('json', 'compilerOptions');
  const main = page.fence('ts', 'class MessagesController');
  const startEmulator = page.fence('sh', 'mimc-emulator --port 8085');
  const startApp = page.fence('sh', 'npx tsc && node dist/main.js');
  const pushes = page.fence('console', 'localhost:3000/messages');
  const cwd = folderOf(page.path);
  const started: Shell[] = [];

  beforeAll(() => buildPackage());
  afterAll(() => Promise.all(started.map((shell) => shell.stop())));

  it('installs what there is, and every peer', () => {
    // Not run, as it needs the registry: the packages are those of the repository.
    expect(unknownPackages([...commandsOf(install), ...commandsOf(create)])).toEqual([]);
    expect(missingPeers(commandsOf(create), OPTIONAL_PEERS)).toEqual([]);
  });

  it('runs, and answers as shown', async () => {
    const [port, emulatorPort] = [await reusablePort(), await reusablePort()];
    const swap = (text: string) => text.replaceAll('3000', `${port}`).replaceAll('8085', `${emulatorPort}`);
    await run(create.code.split('\n', 1)[0] ?? '', { cwd });
    writeFileSync(join(cwd, 'tsconfig.json'), tsconfig.code.replace('["src"]', '["src/main.ts"]'));
    writeFileSync(join(cwd, 'src/main.ts'), swap(main.code));

    const emulator = new Shell(`exec ${swap(withBuiltBin(startEmulator.code))}`, { cwd });
    started.push(emulator);
    await emulator.until('Ctrl+C stops it');
    const app = new Shell(swap(startApp.code), { cwd });
    started.push(app);
    await app.until('successfully started');
    const pushesReplayed = await replay(pushes, swap);
    expect(pushesReplayed.printed).toEqual(pushesReplayed.shown);
  });
});

describe('README.md, pushing', () => {
  const orderNews = page.ts<{ OrderNews: Type<OrderNews> }>('class OrderNews');
  const newsletter = page.ts<{ Newsletter: Type<Newsletter> }>('class Newsletter');
  const whatNow = page.ts<{ whatNow: (error: unknown) => string }>('function whatNow');

  it('shows the four methods', async () => {
    const { OrderNews } = await orderNews();
    const { mimc, app, close } = await bench([OrderNews]);
    const news = app.get(OrderNews);
    expect(await news.shipped('alice')).toBe(mimc.inbox('alice')[0]?.packetId);
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

  it('shows a broadcast that tells of each chunk and can be resumed', async () => {
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
    expect(decide(error({ code: 'MIMC_API', outcome: 'refused' }))).toBe('never');
    expect(decide(error({ code: 'MIMC_TIMEOUT', outcome: 'unknown' }))).toBe('check');
    expect(() => decide(new TypeError('other'))).toThrow('other');
  });
});

interface OrderNews {
  shipped(account: string): Promise<string>;
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
