import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { folderOf } from '../support/blocks.js';
import {
  buildPackage,
  commandsOf,
  missingPeers,
  OPTIONAL_PEERS,
  unknownPackages,
  withBuiltBin,
} from '../support/package.js';
import { reusablePort } from '../../support/ports.js';
import { PageUnderTest } from '../support/scenario.js';
import { replay, Shell } from '../support/shell.js';

const page = new PageUnderTest('docs/getting-started.md');
page.test("describe('AppController'");

describe('docs/getting-started.md', () => {
  const create = page.fence('sh', '@nestjs/cli@12 new shop');
  const module = page.fence('ts', 'class AppModule');
  const controller = page.fence('ts', 'class AppController {');
  const main = page.fence('ts', 'useGlobalFilters');
  const startEmulator = page.fence('sh', 'mimc-emulator --port 8085');
  const startApp = page.fence('sh', 'MIMC_BASE_URL=http');
  const push = page.fence('console', '"packetId"');
  const failure = page.fence('console', 'MIMC_CONNECT');
  const real = page.fence('sh', 'unset MIMC_BASE_URL');
  const cwd = folderOf(page.path);
  const started: Shell[] = [];

  beforeAll(() => buildPackage());
  afterAll(() => Promise.all(started.map((shell) => shell.stop())));

  it('installs every peer that a new application lacks', () => {
    // The application is made by the same CLI (`writeBlocks`), but without the registry: the packages are those of the repository.
    const inTheNewApplication = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];
    expect(unknownPackages(commandsOf(create))).toEqual([]);
    expect(missingPeers(commandsOf(create), [...OPTIONAL_PEERS, ...inTheNewApplication])).toEqual([]);
  });

  it('adds nine lines, each with its reason', () => {
    const marks = [module, controller].flatMap(({ code }) =>
      [...code.matchAll(/\/[/*] (\d)/g)].map(([, mark]) => Number(mark)),
    );
    expect(marks).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('pushes, and fails as shown without the emulator', async () => {
    const [port, emulatorPort] = [await reusablePort(), await reusablePort()];
    const swap = (text: string) => text.replaceAll('3000', `${port}`).replaceAll('8085', `${emulatorPort}`);
    const emulator = new Shell(`exec ${swap(withBuiltBin(startEmulator.code))}`, { cwd });
    started.push(emulator);
    await emulator.until('Ctrl+C stops it');
    expect(main.code).toContain('process.env.PORT ?? 3000');
    const app = new Shell(swap(startApp.code), { cwd, env: { PORT: `${port}` } });
    started.push(app);
    await app.until('successfully started');
    const pushReplayed = await replay(push, swap);
    expect(pushReplayed.printed).toEqual(pushReplayed.shown);
    await emulator.stop();
    const failureReplayed = await replay(failure, swap);
    expect(failureReplayed.printed).toEqual(failureReplayed.shown);
  });

  it('changes only variables for the real service', () => {
    // Not run: it would talk to the real service.
    expect(commandsOf(real)).toEqual([
      'unset MIMC_BASE_URL',
      'export MIMC_APP_ID=your-app-id MIMC_APP_KEY=your-app-key MIMC_APP_SECRET=your-app-secret',
      'npm start',
    ]);
  });
});
