import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { createApp } from '../../apps/console/src/app.factory.js';
import { FAULT_PRESETS } from '../../apps/console/src/page/fault-presets.js';
import { demoBanner } from '../../apps/sample-api/src/mimc/demo-banner.js';
import { readConsoleSettings } from '../../apps/console/src/settings.js';
import { listen, type SampleApp, startConsole, withMimcEnv } from '../support/sample-app.js';

const BEARER = { type: 'bearer' } as const;
const REAL = { MIMC_APP_ID: '2882303761517669588', MIMC_APP_KEY: 'k-5100000000001', MIMC_APP_SECRET: 's3cret==' };
const ROUTES = [
  ['get', '/console/info'],
  ['get', '/console/events'],
  ['put', '/console/fault'],
  ['delete', '/console/fault'],
] as const;

describe('the page of the console', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startConsole();
  });
  afterAll(() => sample.close());

  it('is at /, and lets nothing run or be asked but what is of this server', async () => {
    const { headers } = await sample.get('/').expect(200).expect('Content-Type', /html/);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  });

  it('has no script or style inside, and all its files are there', async () => {
    const files = new Set<string>();
    await collect('/', files);
    const { text } = await sample.get('/');
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
    expect([...files]).toEqual(expect.arrayContaining(['/console/event-stream.js', '/console/style/tokens.css']));
  });

  it('leaves the rest of the API its own headers', async () => {
    const { headers } = await sample.get('/health/live').expect(200);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
  });

  it.each(ROUTES)('asks for the API key: %s %s', async (method, path) => {
    expect((await request(sample.url)[method](path)).status).toBe(401);
    expect((await request(sample.url)[method](path).auth('nope', BEARER)).status).toBe(401);
  });

  it('learns that it is a demo, and which faults there are', async () => {
    const { body } = await sample.get('/console/info').auth('demo-key', BEARER).expect(200);
    expect(body).toMatchObject({ mode: 'demo', isQueued: false });
    expect(body.faults).toEqual(Object.keys(FAULT_PRESETS));
  });

  /** Follows what a file of the page names, on this server. */
  async function collect(path: string, found: Set<string>): Promise<void> {
    const { text, body } = await sample.get(path).expect(200);
    const content = text ?? String(body);
    const names = [...content.matchAll(/(?:src="|rel="stylesheet" href="|from ')([^"']+)['"]/g)].map(
      ([, name]) => name,
    );
    for (const name of names) {
      const { origin, pathname } = new URL(name ?? '', sample.url + path);
      expect(origin).toBe(sample.url);
      if (found.has(pathname)) continue;
      found.add(pathname);
      await collect(pathname, found);
    }
  }
});

describe('the console is switched by SAMPLE_CONSOLE', () => {
  it('and is on in demo mode', () => {
    const demo = { mode: 'demo', host: '127.0.0.1', port: 3000, apiKey: 'demo-key', console: true };
    expect(readConsoleSettings({})).toEqual(demo);
  });

  it('which is true or false', () => {
    expect(readConsoleSettings({ SAMPLE_CONSOLE: 'false' }).console).toBe(false);
    expect(readConsoleSettings({ SAMPLE_CONSOLE: 'true' }).console).toBe(true);
    expect(() => readConsoleSettings({ SAMPLE_CONSOLE: 'yes' })).toThrow('SAMPLE_CONSOLE must be true or false');
    expect(() => readConsoleSettings({ ...REAL, SAMPLE_API_KEY: 'mine', SAMPLE_CONSOLE: '1' })).toThrow(
      /^SAMPLE_CONSOLE must be/,
    );
  });

  it.each([{}, { NODE_ENV: 'production' }])('and off with real credentials unless switched on: %j', (env) => {
    const real = { ...env, ...REAL, SAMPLE_API_KEY: 'mine' };
    expect(readConsoleSettings(real).console).toBe(false);
    expect(readConsoleSettings({ ...real, SAMPLE_CONSOLE: 'true' }).console).toBe(true);
  });

  it('and when it is off, / says where to go and the rest is not there', async () => {
    const app = await withMimcEnv({}, () =>
      createApp(readConsoleSettings({ SAMPLE_CONSOLE: 'false' }), { logger: false }),
    );
    const sample = await listen(app);

    const { body, headers } = await sample.get('/').expect(200);
    expect(body).toMatchObject({ docs: '/docs', openapi: '/openapi.json' });
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    await sample.get('/index.html').expect(404);
    await sample.get('/console/main.js').expect(404);
    for (const [method, path] of ROUTES) {
      expect((await request(sample.url)[method](path).auth('demo-key', BEARER)).status).toBe(404);
    }
    await sample.close();
  });

  it('and with real credentials it has neither inboxes nor faults', async () => {
    const { MIMC_APP_ID: appId, MIMC_APP_KEY: appKey, MIMC_APP_SECRET: appSecret } = REAL;
    const mimc = await MimcEmulator.start({ credentials: { appId, appKey, appSecret } });
    const settings = readConsoleSettings({
      ...REAL,
      SAMPLE_API_KEY: 'mine',
      SAMPLE_CONSOLE: 'true',
      NODE_ENV: 'production',
    });
    const env = { ...REAL, MIMC_BASE_URL: mimc.url };
    const sample = await listen(await withMimcEnv(env, () => createApp(settings, { logger: false })), 'mine');

    const { body } = await sample.get('/console/info').auth('mine', BEARER).expect(200);
    expect(body).toEqual({ mode: 'mimc', isQueued: false });
    await request(sample.url).put('/console/fault').auth('mine', BEARER).send({ fault: 'hang' }).expect(404);
    await request(sample.url).delete('/console/fault').auth('mine', BEARER).expect(404);
    await sample.close();
    await mimc.close();
  });

  it('and the banner names its address, and the key of the demo only', () => {
    const places = { url: 'http://localhost:3000', emulatorUrl: 'http://127.0.0.1:41237' };
    const banner = (apiKey: string, console: boolean) =>
      demoBanner(apiKey, { ...places, ...(console && { page: 'http://localhost:3000/' }) });
    expect(banner('demo-key', true)).toMatch(/Console +http:\/\/localhost:3000\/ .*demo-key/);
    expect(banner('mine', true)).toMatch(/Console .*SAMPLE_API_KEY/);
    expect(banner('mine', true)).not.toContain('mine');
    expect(banner('demo-key', false)).not.toContain('Console');
  });
});

describe('faults of the emulator', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startConsole({ MIMC_RESPONSE_TIMEOUT_MS: '300' });
  });
  afterAll(() => sample.close());

  const fault = (body: object) => request(sample.url).put('/console/fault').auth('demo-key', BEARER).send(body);
  const off = () => request(sample.url).delete('/console/fault').auth('demo-key', BEARER);
  const push = () => sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' });

  it.each([
    { id: 'throttled', code: 'MIMC_RATE_LIMITED', outcome: 'refused', status: 429 },
    { id: 'credentials', code: 'MIMC_AUTH', outcome: 'refused', status: 502 },
    { id: 'forbidden', code: 'MIMC_API', outcome: 'refused', status: 403 },
    { id: 'unavailable', code: 'MIMC_HTTP', outcome: 'unknown', status: 502 },
    { id: 'error-page', code: 'MIMC_HTTP', outcome: 'unknown', status: 502 },
    { id: 'reset', code: 'MIMC_RESET', outcome: 'unknown', status: 502 },
    { id: 'truncated', code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', status: 502 },
    { id: 'hang', code: 'MIMC_TIMEOUT', outcome: 'unknown', status: 504 },
  ])('$id makes a push $outcome with $code, until it is off', async ({ id, code, outcome, status }) => {
    expect((await fault({ fault: id }).expect(200)).body).toEqual({ fault: { id, left: null } });
    expect((await push().expect(status)).body).toMatchObject({ code, outcome });
    expect((await off().expect(200)).body).toEqual({ fault: null });
    await push().expect(202);
  });

  it('are met by as many requests as were requested', async () => {
    await fault({ fault: 'forbidden', times: 2 }).expect(200);
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await push()).status);
    expect(statuses).toEqual([403, 403, 202]);
  });

  it('take the place of the one before', async () => {
    await fault({ fault: 'forbidden' }).expect(200);
    await fault({ fault: 'unavailable', times: 1 }).expect(200);
    expect((await push()).body.code).toBe('MIMC_HTTP');
    await push().expect(202);
  });

  it('keep later pushes from being sent while throttled for long', async () => {
    await fault({ fault: 'throttled-long', times: 1 }).expect(200);
    expect((await push()).body).toMatchObject({ code: 'MIMC_RATE_LIMITED', outcome: 'refused', retryAfterMs: 40_000 });
    expect((await push()).body).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
  });

  it.each([
    { body: {}, field: 'fault' },
    { body: { fault: 'constructor' }, field: 'fault' },
    { body: { fault: 'hang', times: 0 }, field: 'times' },
    { body: { fault: 'hang', times: null }, field: 'times' },
    { body: { fault: 'hang', kind: 'delay' }, field: 'kind' },
  ])('are refused when wrong: $body', async ({ body, field }) => {
    const answer = await fault(body).expect(400);
    expect(answer.body).toMatchObject({ code: 'MIMC_INVALID', violations: [expect.objectContaining({ field })] });
  });
});
