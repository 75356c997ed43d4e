import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { reusablePort } from '../support/ports.js';
import { secrets } from '../support/push-app.js';

const BUILT = 'dist/test-processes/apps/sample-api/src';

/** A process of the sample, and what it printed. */
class SampleProcess {
  output = '';
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  readonly #child: ChildProcess;

  constructor(script: 'main' | 'worker', variables: Record<string, string>) {
    const { PATH = '' } = process.env;
    const env = { PATH, NO_COLOR: '1', PORT: '0', ...variables };
    this.#child = spawn(process.execPath, [`${BUILT}/${script}.js`], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
}

describe('a process of the sample that is told to stop', () => {
  let mimc: MimcEmulator;
  let running: SampleProcess[] = [];

  beforeAll(async () => {
    const nest = 'node_modules/@nestjs/cli/bin/nest.js';
    await promisify(execFile)(process.execPath, [nest, 'build', '--path', 'test/processes/tsconfig.json']);
  });
  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterEach(async () => {
    for (const sample of running) sample.signal('SIGKILL');
    running = [];
    await mimc.close();
  });

  const start = (script: 'main' | 'worker', variables: Record<string, string> = {}) => {
    const credentials = {
      MIMC_APP_ID: secrets.appId,
      MIMC_APP_KEY: secrets.appKey,
      MIMC_APP_SECRET: secrets.appSecret,
      MIMC_BASE_URL: mimc.url,
      SAMPLE_API_KEY: 'key',
    };
    const sample = new SampleProcess(script, { ...credentials, ...variables });
    running.push(sample);
    return sample;
  };

  it.each(['main', 'worker'] as const)('stops, though Redis was never there: %s', async (script) => {
    const redisUrl = `redis://127.0.0.1:${await reusablePort()}`;
    const sample = start(script, { REDIS_URL: redisUrl });
    await sample.prints(/Waiting for Redis \(ECONNREFUSED\)/);
    await sample.prints(/Pushing to MIMC|Sending what is on the queue/);
    sample.signal('SIGTERM');
    expect(await sample.ended).toEqual([0, null]);
  });

  it('lets a push in flight finish, but ends at once at the second signal', async () => {
    const sample = start('main', { MIMC_RESPONSE_TIMEOUT_MS: '600000', MIMC_DEADLINE_MS: '600000' });
    await sample.prints(/API at http:\/\/localhost:\d+/);
    const [url = ''] = /http:\/\/localhost:\d+/.exec(sample.output) ?? [];
    mimc.failNext({ kind: 'hang' });
    const push = fetch(`${url}/push/p2p`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
      body: JSON.stringify({ fromAccount: 'shop', toAccount: 'alice', msg: 'hello' }),
    }).catch(() => 'cut off');
    await eventually(() => expect(mimc.totals.requests).toBe(1));

    sample.signal('SIGTERM');
    // The default of `shutdownMs` is 10 s.
    await sample.prints(/Closing: calls in flight/);
    sample.signal('SIGTERM');
    expect(await sample.ended).toEqual([143, null]);
    expect(await push).toBe('cut off');
  });
});
