import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { compiled, COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { eventually } from '../support/eventually.js';
import { reusablePort } from '../support/ports.js';
import { secrets } from '../support/push-app.js';

type Script = 'main' | 'worker' | 'broadcast-cli';

interface Start {
  variables?: Record<string, string>;
  args?: readonly string[];
}

/** Time limits that none of the tests reaches. */
const PATIENT = { MIMC_RESPONSE_TIMEOUT_MS: '600000', MIMC_DEADLINE_MS: '600000' };

/** A process of the sample, and what it printed. */
class SampleProcess {
  output = '';
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  readonly #child: ChildProcess;

  constructor(script: Script, { variables = {}, args = [] }: Start) {
    const { PATH = '' } = process.env;
    const env = { PATH, NO_COLOR: '1', PORT: '0', ...variables };
    const command = [fileURLToPath(compiled(`apps/console/src/${script}.ts`)), ...args];
    this.#child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => (this.output += `${line}\n`));
    }
  }

  async prints(text: RegExp): Promise<void> {
    await eventually(() => {
      if (!text.test(this.output)) throw new Error(`It did not print ${text}:\n${this.output}`);
    }, 60_000);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Sends a signal again and again, as an impatient operator does. */
  async insist(name: NodeJS.Signals): Promise<void> {
    while (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.signal(name);
      await sleep(100);
    }
  }
}

describe('a process of the sample that receives SIGTERM', () => {
  let mimc: MimcEmulator;
  let running: SampleProcess[] = [];

  beforeAll(compileProcesses, COMPILE_MS);
  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterEach(async () => {
    for (const sample of running) sample.signal('SIGKILL');
    running = [];
    await mimc.close();
  });

  const start = (script: Script, { variables = {}, args = [] }: Start = {}) => {
    const credentials = {
      MIMC_APP_ID: secrets.appId,
      MIMC_APP_KEY: secrets.appKey,
      MIMC_APP_SECRET: secrets.appSecret,
      MIMC_BASE_URL: mimc.url,
      SAMPLE_API_KEY: 'key',
    };
    const sample = new SampleProcess(script, { variables: { ...credentials, ...variables }, args });
    running.push(sample);
    return sample;
  };

  it.each(['main', 'worker'] as const)('stops, though Redis was never there: %s', async (script) => {
    const redisUrl = `redis://127.0.0.1:${await reusablePort()}`;
    const sample = start(script, { variables: { REDIS_URL: redisUrl } });
    await sample.prints(/trouble with Redis \(ECONNREFUSED\)/);
    await sample.prints(/Sending through MIMC|Worker started/);
    sample.signal('SIGTERM');
    expect(await sample.ended).toEqual([0, null]);
  });

  /** A sample with a push in flight, which MIMC answers as `fault` says. */
  const pushing = async (fault: { kind: 'hang' } | { kind: 'delay'; ms: number }) => {
    const sample = start('main', { variables: PATIENT });
    await sample.prints(/API at http:\/\/localhost:\d+/);
    const [url = ''] = /http:\/\/localhost:\d+/.exec(sample.output) ?? [];
    mimc.failNext(fault);
    const push = fetch(`${url}/push/p2p`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
      body: JSON.stringify({ fromAccount: 'shop', toAccount: 'alice', msg: 'hello' }),
    }).then(
      ({ status }) => status,
      () => 'cut off',
    );
    await eventually(() => expect(mimc.totals.requests).toBe(1));
    return { sample, push };
  };

  it('ends at once at a second signal', async () => {
    const { sample, push } = await pushing({ kind: 'hang' });
    sample.signal('SIGTERM');
    // The default of `shutdownMs` is 10 s; then it would end with 0.
    await sample.prints(/Shutting down: waiting for/);
    await sample.insist('SIGTERM');
    expect(await sample.ended).toEqual([143, null]);
    expect(await push).toBe('cut off');
  });

  it('lets a push in flight finish though one Ctrl-C reaches it twice, as it does under npm', async () => {
    const { sample, push } = await pushing({ kind: 'delay', ms: 3_000 });
    // Two of the same kind could become one on their way.
    sample.signal('SIGINT');
    sample.signal('SIGTERM');
    expect(await push).toBe(202);
    expect(await sample.ended).toEqual([0, null]);
  });

  it('ends a broadcast from a terminal at once at a second signal, and leaves no lock', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stopping-'));
    const file = join(directory, 'audience.txt');
    await writeFile(file, 'alice\n');
    mimc.failNext({ kind: 'hang' });
    const args = ['--file', file, '--msg', 'hello', '--from', 'shop'];
    const cli = start('broadcast-cli', { variables: PATIENT, args });
    await eventually(() => expect(mimc.totals.requests).toBe(1), 60_000);

    cli.signal('SIGINT');
    await cli.prints(/Stopping: waiting for requests in flight/);
    await cli.insist('SIGTERM');

    expect(await cli.ended).toEqual([130, null]);
    expect(await readdir(directory)).not.toContainEqual(expect.stringMatching(/\.lock$/));
    await rm(directory, { recursive: true });
  });
});
