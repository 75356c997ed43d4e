import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { MimcBroadcastService, MimcModule } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { type CliOptions, readCliArgs } from '../../apps/console/src/cli/cli-args.js';
import { duration, progressLine, RateMeter } from '../../apps/console/src/cli/progress-line.js';
import { CliBroadcast, EXIT } from '../../apps/console/src/cli/run-cli.js';
import { NO_PROGRESS } from '../../apps/console/src/broadcasts/broadcast-state.js';

describe('broadcast from a terminal: its command line', () => {
  it('has defaults for everything but the file', () => {
    expect(readCliArgs(['--file', 'a.txt', '--msg', 'hello'])).toEqual({
      file: 'a.txt',
      msg: 'hello',
      kind: 'accounts',
      checkpointFile: 'a.txt.checkpoint',
      failuresFile: 'a.txt.failures.ndjson',
    });
  });

  it('has everything else as options', () => {
    const args = '--file a --msg m --kind topics --from ops --chunk-size 7 --checkpoint c --failures f'.split(' ');
    expect(readCliArgs(args)).toEqual({
      file: 'a',
      msg: 'm',
      kind: 'topics',
      fromAccount: 'ops',
      chunkSize: 7,
      checkpointFile: 'c',
      failuresFile: 'f',
    });
    expect(readCliArgs(['--help'])).toBeUndefined();
    const table = '--file a.csv --msg m --csv-column 2 --start-at'.split(' ');
    expect(readCliArgs([...table, '2026-01-01T09:00+08:00'])).toMatchObject({
      csvColumn: '2',
      startAt: new Date('2026-01-01T01:00Z'),
    });
    expect(readCliArgs([...table, '2026-01-01T09:00'])).toMatchObject({ startAt: new Date(2026, 0, 1, 9) });
  });

  it.each([
    ['--msg m', /^--file is required/],
    ['--file f', /^--msg is required/],
    ['--file f --msg m --kind users', /^--kind must be/],
    ['--file f --msg m --chunk-size 0', /^--chunk-size must be/],
    ['--file f --msg m --color red', /--color/],
    ['--file f.csv --msg m', /^--csv-column is required/],
    ['--file f.txt --msg m --csv-column a', /^--csv-column requires/],
    ['--file f --msg m --start-at tomorrow', /^--start-at must be/],
    ['f --file f --msg m', /positional/],
  ])('refuses %s', (line, message) => {
    expect(() => readCliArgs(line.split(' '))).toThrow(message);
  });
});

describe('broadcast from a terminal: its progress', () => {
  it('is a bar with percentage, rate, time left and troubles', () => {
    const progress = { ...NO_PROGRESS, accepted: 5_000, refused: 240, unknown: 10 };
    expect(progressLine(progress, 10_000, 47.6)).toBe(
      '[############------------]   52.5 %  5,250/10,000  48/s  ETA 1 min 40 s  240 refused  10 unknown',
    );
    expect(progressLine(NO_PROGRESS, 3, undefined)).toBe('[------------------------]    0.0 %  0/3');
  });

  it('is 100 % when everybody is settled and not before', () => {
    expect(progressLine({ ...NO_PROGRESS, accepted: 999_999 }, 1_000_000, 50)).toContain(' 99.9 %');
    expect(progressLine({ ...NO_PROGRESS, accepted: 1_000_000 }, 1_000_000, 50)).not.toContain('ETA');
  });

  it('has the rate of the last seconds', () => {
    const meter = new RateMeter();
    const rates = Array.from({ length: 31 }, (_, second) =>
      meter.rate(second < 15 ? second * 50 : 700, second * 1_000),
    );
    expect(rates.slice(0, 3)).toEqual([undefined, 50, 50]);
    expect(rates.at(-1)).toBe(0);
  });

  it.each([
    [0.2, '1 s'],
    [99, '1 min 39 s'],
    [20_000, '5 h 33 min'],
  ])('says of %s seconds %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('broadcast from a terminal', () => {
  let directory: string;
  let emulator: MimcEmulator;
  let app: TestingModule;
  let output: string;
  const out = { write: (text: string) => (output += text) };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'broadcast-cli-'));
    emulator = await MimcEmulator.start();
    const quota = { accountsPerSecond: 100 };
    const options = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'cli', quota };
    app = await Test.createTestingModule({ imports: [MimcModule.forRoot(options)] }).compile();
    await app.init();
    output = '';
  });
  afterEach(async () => {
    await app.close();
    await emulator.close();
    rmSync(directory, { recursive: true });
  });

  it('reaches everybody once and exits with 0, and sends nothing when run again', async () => {
    const options = audience(names(30));
    expect(await run(options)).toBe(EXIT.reached);
    expect(output).toMatch(/30 accounts in .*\n(\[.*\n)+30 of 30 accepted; this run took \d+ s\n$/);
    expect(output).not.toContain('\u001B');

    expect(await run(options)).toBe(EXIT.reached);
    expect(output).toContain('was reached in earlier runs');
    expect(emulator.totals.accountsDelivered).toBe(30);
  });

  it('exits with 130 when interrupted, says how to continue, and continues', async () => {
    const options = audience(names(250));
    expect(await run(options, AbortSignal.timeout(300))).toBe(EXIT.interrupted);
    const delivered = emulator.totals.accountsDelivered;
    expect(delivered).toBeGreaterThan(0);
    expect(output).toContain('Stopping: waiting for requests in flight');
    expect(output).toContain(`${250 - delivered} left; run the same command again to continue from`);

    expect(await run(options)).toBe(EXIT.reached);
    expect(output).toContain(`250 accounts in ${options.file}, ${delivered} of them done in earlier runs`);
    for (const name of names(250)) expect(emulator.count(name)).toBe(1);
  });

  it('keeps what was settled while it runs, for a crash', async () => {
    const options = audience(names(300));
    const stop = new AbortController();
    const running = run(options, stop.signal);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const { progress } = JSON.parse(readFileSync(options.checkpointFile, 'utf8'));
    expect(progress.accepted).toBeGreaterThanOrEqual(100);
    stop.abort();
    await running;
  });

  it('exits with 1 and lists who was not reached', async () => {
    emulator.failNext({ kind: 'code', code: 403 });
    const options = audience(['a', 'b', 'c'], { chunkSize: 2 });
    expect(await run(options)).toBe(EXIT.notAll);
    expect(output).toContain('1 of 3 accepted, 2 refused;');
    expect(JSON.parse(readFileSync(options.failuresFile, 'utf8'))).toMatchObject({
      offset: 0,
      recipients: ['a', 'b'],
      outcome: 'refused',
      code: 'MIMC_API',
    });
  });

  it('stops when nothing gets through, and says why', async () => {
    emulator.failNext({ kind: 'code', code: 401 }, 100);
    const options = audience(names(40), { chunkSize: 1 });
    expect(await run(options)).toBe(EXIT.notAll);
    expect(output).toMatch(/Stopped: .*credentials/i);
    expect(output).toMatch(/\d+ left; run the same command again/);
  });

  it.each([
    { file: 'none.txt', text: undefined, message: 'does not exist' },
    { file: 'empty.txt', text: '\n\n', message: 'contains no recipients' },
    { file: 'wrong.ndjson', text: '"a"\nb\n', message: 'Line 2 must be a JSON string' },
  ])('names what is wrong with $file', async ({ file, text, message }) => {
    const path = join(directory, file);
    if (text !== undefined) writeFileSync(path, text);
    await expect(run({ ...audience([]), file: path })).rejects.toThrow(message);
  });

  it('sends to a column of a table, by its name or number', async () => {
    const file = join(directory, 'people.csv');
    writeFileSync(file, 'name,account\r\n"Doe, ""J"" X",jane\r\n"two\nlines",max\r\nNobody,\r\n');
    expect(await run({ ...audience([]), file, csvColumn: 'account' })).toBe(EXIT.reached);
    for (const account of ['jane', 'max']) expect(emulator.count(account)).toBe(1);
    await expect(run({ ...audience([]), file, csvColumn: 'id' })).rejects.toThrow(
      'Line 1 must contain the column name id',
    );
    await expect(run({ ...audience([]), file, csvColumn: '1' })).rejects.toThrow('column');

    writeFileSync(file, '1;eve;x\n2; mallory ;y\n');
    expect(await run({ ...audience([]), file, csvColumn: '2', checkpointFile: join(directory, 'c2') })).toBe(0);
    for (const account of ['eve', 'mallory']) expect(emulator.count(account)).toBe(1);
    expect(emulator.totals.accountsDelivered).toBe(4);
  });

  it('waits for its time, and can be interrupted until then', async () => {
    const later = audience(['a'], { startAt: new Date(Date.now() + 3_600_000) });
    expect(await run(later, AbortSignal.timeout(200))).toBe(EXIT.interrupted);
    expect(output).toContain(`Waiting until ${later.startAt?.toISOString()}`);
    expect(emulator.totals.requests).toBe(0);

    const startAt = new Date(Date.now() + 300);
    expect(await run(audience(['a'], { startAt }))).toBe(EXIT.reached);
    expect(Date.now()).toBeGreaterThanOrEqual(startAt.getTime());
  });

  it('names an option that breaks a rule before anything is sent', async () => {
    await expect(run(audience(['a'], { chunkSize: 101 }))).rejects.toThrow(/chunkSize.*100, the quota/);
    expect(emulator.totals.requests).toBe(0);
  });

  async function run(options: CliOptions, signal = new AbortController().signal): Promise<number> {
    output = '';
    const broadcast = await CliBroadcast.open(options, out);
    return broadcast.run(app.get(MimcBroadcastService), signal);
  }

  function audience(recipients: readonly string[], more: Partial<CliOptions> = {}): CliOptions {
    const file = join(directory, 'audience.txt');
    writeFileSync(file, `${recipients.join('\n')}\n`);
    const files = { checkpointFile: join(directory, 'checkpoint'), failuresFile: join(directory, 'failures') };
    return { file, msg: 'hello', kind: 'accounts', ...files, ...more };
  }
});

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`);
}
