import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { MimcBroadcastService, MimcModule } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { type CliOptions, UsageError } from '../../apps/console/src/cli/cli-args.js';
import { CliBroadcast, EXIT } from '../../apps/console/src/cli/run-cli.js';
import { until } from '../support/broadcast-app.js';

const DEMO = {};
const REAL = { MIMC_APP_ID: '1', MIMC_APP_KEY: 'key', MIMC_APP_SECRET: 'secret' };

describe('broadcast from a terminal, run again', () => {
  let directory: string;
  let options: CliOptions;
  let emulator: MimcEmulator;
  let app: TestingModule;
  let output: string;
  const out = { write: (text: string) => (output += text) };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'broadcast-again-'));
    const [file, checkpointFile, failuresFile] = ['audience.txt', 'checkpoint', 'failures'].map((name) =>
      join(directory, name),
    ) as [string, string, string];
    writeFileSync(file, 'a\nb\nc\n');
    options = { file, msg: 'hello', kind: 'accounts', checkpointFile, failuresFile };
    emulator = await MimcEmulator.start();
    const mimc = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'cli' };
    app = await Test.createTestingModule({ imports: [MimcModule.forRoot(mimc)] }).compile();
    await app.init();
  });
  afterEach(async () => {
    await app.close();
    await emulator.close();
    rmSync(directory, { recursive: true });
  });

  it('exits with 1 again, and names the failures file, when not everybody was reached', async () => {
    emulator.failNext({ kind: 'code', code: 403 });
    expect(await run({ chunkSize: 2 })).toBe(EXIT.notAll);

    expect(await run({ chunkSize: 2 })).toBe(EXIT.notAll);
    expect(output).toContain('was tried in earlier runs (2 refused). To send again, remove');
    expect(output).toContain(`Recipients not reached: ${options.failuresFile}\n`);
    expect(emulator.totals.accountsDelivered).toBe(1);
  });

  it.each([
    { what: 'demo mode', first: DEMO, second: REAL },
    { what: 'the real app', first: REAL, second: DEMO },
    { what: 'another app', first: REAL, second: { ...REAL, MIMC_APP_ID: '2' } },
  ])('refuses the checkpoint of $what, and keeps no id of an app', async ({ first, second }) => {
    await run({}, first);
    await expect(run({}, second)).rejects.toThrow('belongs to another app, or to a run in demo mode');
    expect(JSON.parse(readFileSync(options.checkpointFile, 'utf8')).target).toMatch(/^[\da-f]{64}$/);
    expect(await run({}, first)).toBe(EXIT.reached);
  });

  it.each([
    { what: 'another audience', edit: () => writeFileSync(options.file, 'somebody\nelse\n') },
    { what: 'another message', edit: () => Object.assign(options, { msg: 'bye' }) },
    { what: 'is not a checkpoint', edit: () => writeFileSync(options.checkpointFile, 'x') },
    { what: 'is not a checkpoint', edit: () => writeFileSync(options.checkpointFile, '{}') },
  ])('refuses a checkpoint: $what', async ({ what, edit }) => {
    await run();
    edit();
    await expect(run()).rejects.toThrow(what);
    expect(emulator.totals.accountsDelivered).toBe(3);
  });

  it('refuses while another run is in progress, and not afterwards', async () => {
    const lock = `${options.checkpointFile}.lock`;
    emulator.failNext({ kind: 'delay', ms: 300 });
    const second = await open();
    const first = run();
    await until(() => existsSync(lock));
    await expect(send(second)).rejects.toThrow(
      `Another run (process ${process.pid}) holds ${lock}; remove that file if that process no longer exists`,
    );
    await expect(send(second)).rejects.toThrow(UsageError);
    expect(await first).toBe(EXIT.reached);
    expect(existsSync(lock)).toBe(false);

    // It was opened before the first one had sent anything.
    expect(await send(second)).toBe(EXIT.reached);
    for (const account of ['a', 'b', 'c']) expect(emulator.count(account)).toBe(1);
  });

  it('leaves no lock when it could not begin', async () => {
    await expect(run({ chunkSize: 1_000_000 })).rejects.toThrow(/chunkSize/);
    expect(existsSync(`${options.checkpointFile}.lock`)).toBe(false);
  });

  it('names a lock that cannot be written', async () => {
    const checkpointFile = join(directory, 'none', 'checkpoint');
    await expect(run({ checkpointFile })).rejects.toThrow(`Cannot write ${checkpointFile}.lock (ENOENT)`);
  });

  function open(more: Partial<CliOptions> = {}, env: Record<string, string> = DEMO): Promise<CliBroadcast> {
    return CliBroadcast.open({ ...options, ...more }, out, env);
  }

  function send(broadcast: CliBroadcast): Promise<number> {
    output = '';
    return broadcast.run(app.get(MimcBroadcastService), new AbortController().signal);
  }

  async function run(more?: Partial<CliOptions>, env?: Record<string, string>): Promise<number> {
    return send(await open(more, env));
  }
});
