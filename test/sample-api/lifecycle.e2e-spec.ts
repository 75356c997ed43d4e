import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { createApp } from '../../apps/sample-api/src/app.factory.js';
import { demoBanner } from '../../apps/sample-api/src/mimc/demo-banner.js';
import { readSettings } from '../../apps/sample-api/src/settings.js';
import { eventually } from '../support/eventually.js';
import { listen, startDemo, withMimcEnv } from '../support/sample-app.js';

const REAL = { MIMC_APP_ID: '2882303761517669588', MIMC_APP_KEY: 'k-5100000000001', MIMC_APP_SECRET: 's3cret==' };
const FIFTY = Array.from({ length: 50 }, (_, index) => `user-${index}`);

describe('sample API at start', () => {
  it('is a demo without credentials', () => {
    const demo = { mode: 'demo', host: '127.0.0.1', port: 3000, apiKey: 'demo-key' };
    expect(readSettings({})).toEqual(demo);
    const given = { MIMC_APP_ID: '', PORT: '8080', SAMPLE_HOST: '0.0.0.0', SAMPLE_API_KEY: 'mine' };
    expect(readSettings(given)).toEqual({ ...demo, host: '0.0.0.0', port: 8080, apiKey: 'mine' });
  });

  it('refuses demo mode in production', () => {
    const settings = () => readSettings({ NODE_ENV: 'production', SAMPLE_API_KEY: 'mine' });
    expect(settings).toThrow(
      /Demo mode is not available.* MIMC_APP_ID, MIMC_APP_KEY, MIMC_APP_SECRET, and SAMPLE_API_KEY/,
    );
  });

  it.each([
    { env: { MIMC_APP_ID: REAL.MIMC_APP_ID }, missing: 'MIMC_APP_KEY, MIMC_APP_SECRET, and SAMPLE_API_KEY' },
    { env: { ...REAL, MIMC_APP_KEY: '', SAMPLE_API_KEY: 'x' }, missing: 'MIMC_APP_KEY' },
    { env: { ...REAL, NODE_ENV: 'production' }, missing: 'SAMPLE_API_KEY' },
  ])('names what is missing besides credentials: $missing', ({ env, missing }) => {
    expect(() => readSettings(env)).toThrow(`MIMC credentials are set, but these are missing: ${missing}`);
  });

  it.each(['abc', '-1', '65536', '1.5'])('refuses the port %s', (port) => {
    expect(() => readSettings({ PORT: port })).toThrow(/^PORT must be an integer from 0 to 65535/);
  });

  it('names a wrong option of MIMC and does not show its value', async () => {
    const boot = withMimcEnv({ ...REAL, MIMC_BASE_URL: 'http://far.example' }, () =>
      createApp({ mode: 'mimc', port: 0, apiKey: 'x' }, { logger: false }),
    );
    await expect(boot).rejects.toMatchObject({ code: 'MIMC_CONFIG', message: expect.stringContaining('baseUrl') });
    await expect(boot).rejects.not.toThrow(/far\.example|s3cret/);
    // Nest still makes the other providers, whose imports jest refuses between two tests.
    await nextTurn();
  });

  it('talks to MIMC with the credentials of the environment', async () => {
    const { MIMC_APP_ID: appId, MIMC_APP_KEY: appKey, MIMC_APP_SECRET: appSecret } = REAL;
    const mimc = await MimcEmulator.start({ credentials: { appId, appKey, appSecret } });
    const settings = readSettings({ ...REAL, SAMPLE_API_KEY: 'mine' });
    const env = { ...REAL, MIMC_BASE_URL: mimc.url };
    const sample = await listen(await withMimcEnv(env, () => createApp(settings, { logger: false })), 'mine');

    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello', fromAccount: 'shop' }).expect(202);
    const answer = await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(400);

    expect(mimc.inbox('alice')).toHaveLength(1);
    expect(answer.body.violations).toEqual([expect.objectContaining({ field: 'fromAccount' })]);
    await sample.close();
    await mimc.close();
  });

  it('says in the banner what to paste, and hides a key of the operator', () => {
    const banner = (apiKey: string) =>
      demoBanner(apiKey, { url: 'http://localhost:3000', emulatorUrl: 'http://127.0.0.1:41237' });
    expect(banner('demo-key')).toMatch(/DEMO MODE[^]*127\.0\.0\.1:41237[^]*curl .*\/push\/p2p[^]*Bearer demo-key/);
    expect(banner('mine')).not.toContain('mine');
  });
});

describe('sample API at shutdown', () => {
  it('lets a push in flight finish, is not ready meanwhile, and closes the emulator last', async () => {
    const sample = await startDemo();
    sample.emulator.failNext({ kind: 'delay', ms: 2_000 });
    const push = sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).then((answer) => answer);
    await eventually(() => expect(sample.emulator.totals.requests).toBe(1));
    await sample.get('/health/ready').expect(200);

    const closed = sample.close();
    await sleep(50);
    const [ready, live] = await Promise.all([sample.get('/health/ready'), sample.get('/health/live')]);
    const late = await sample.post('/push/p2p', { toAccount: 'bob', msg: 'hello' });
    const answer = await push;
    await closed;

    expect([ready.status, live.status]).toEqual([503, 200]);
    expect(late.body).toMatchObject({ statusCode: 503, code: 'MIMC_CLOSED', outcome: 'not-sent' });
    expect(answer.status).toBe(202);
    expect(sample.emulator.inbox('alice')).toHaveLength(1);
    await expect(fetch(sample.emulator.url)).rejects.toThrow('fetch failed');
  });

  it('gives up a push that still waits for quota', async () => {
    const sample = await startDemo();
    await sample.post('/push/p2p/more', { toAccounts: FIFTY, msg: 'hello' }).expect(202);
    const waiting = sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).then((answer) => answer);
    await sleep(100);

    await sample.close();

    expect((await waiting).body).toMatchObject({ statusCode: 503, code: 'MIMC_CLOSED', outcome: 'not-sent' });
    expect(sample.emulator.inbox('alice')).toHaveLength(0);
  });
});

describe('sample API whose clients keep connections open', () => {
  it.each([
    { state: 'unused', request: '' },
    { state: 'idle', request: 'GET /health/live HTTP/1.1\r\nHost: sample\r\n\r\n' },
    { state: 'half a request', request: 'POST /push/p2p HTTP/1.1\r\nHost: sam' },
  ])('closes at once in spite of one that is $state', async ({ request }) => {
    const sample = await startDemo();
    const socket = connect(Number(new URL(sample.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket
      .on('error', () => {})
      .resume()
      .write(request);
    await sleep(50);

    const begin = performance.now();
    await sample.close();

    // A slow client would get 5 s.
    expect(performance.now() - begin).toBeLessThan(4_900);
  });

  it('closes one after its answer', async () => {
    const sample = await startDemo();
    sample.emulator.failNext({ kind: 'delay', ms: 300 });
    // fetch keeps its connection.
    const push = fetch(`${sample.url}/push/p2p`, {
      method: 'POST',
      headers: { authorization: 'Bearer demo-key', 'content-type': 'application/json' },
      body: JSON.stringify({ toAccount: 'alice', msg: 'hello' }),
    });
    await eventually(() => expect(sample.emulator.totals.requests).toBe(1));

    const begin = performance.now();
    await sample.close();

    expect((await push).status).toBe(202);
    expect(performance.now() - begin).toBeLessThan(4_900);
  });
});

describe('sample API when its client hangs up', () => {
  it('does not send a push that still waits for quota', async () => {
    const sample = await startDemo();
    await sample.post('/push/p2p/more', { toAccounts: FIFTY, msg: 'hello' }).expect(202);
    const push = fetch(`${sample.url}/push/p2p`, {
      method: 'POST',
      headers: { authorization: 'Bearer demo-key', 'content-type': 'application/json' },
      body: JSON.stringify({ toAccount: 'alice', msg: 'hello' }),
      signal: AbortSignal.timeout(150),
    });
    await expect(push).rejects.toThrow(/abort/);

    // Once this one is through, the quota that the other waited for was free.
    await sample.post('/push/p2p', { toAccount: 'bob', msg: 'hello' }).expect(202);

    expect(sample.emulator.inbox('alice')).toHaveLength(0);
    await sample.close();
  });
});
