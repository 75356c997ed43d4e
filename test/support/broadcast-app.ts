import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { createApp } from '../../apps/console/src/app.factory.js';
import type { BroadcastLimits } from '../../apps/console/src/broadcasts/broadcast-limits.js';
import type { BroadcastFailure, BroadcastState } from '../../apps/console/src/broadcasts/broadcast-state.js';
import type { BroadcastList } from '../../apps/console/src/broadcasts/broadcasts.service.js';
import { readConsoleSettings } from '../../apps/console/src/settings.js';
import { DEMO_KEY } from '../../apps/sample-api/src/settings.js';
import { eventually } from './eventually.js';
import { listen, SampleApp, withMimcEnv } from './sample-app.js';

const BEARER = { type: 'bearer' } as const;

/** The console in demo mode, and requests about its broadcasts. */
export interface BroadcastApp extends SampleApp {
  /** Starts one of a few accounts, by JSON. */
  start(body?: object): request.Test;
  /** Uploads an audience. */
  upload(query: Record<string, string>, body: string | Buffer, type?: string): request.Test;
  state(id: string): Promise<BroadcastState>;
  act(id: string, action: 'pause' | 'resume' | 'resend'): request.Test;
  cancel(id: string): request.Test;
  list(): Promise<BroadcastList>;
  /** The lines of the file of failures. */
  failures(id: string): Promise<BroadcastFailure[]>;
  /** The state once it is `wanted`. */
  reaches(id: string, wanted: BroadcastState['state']): Promise<BroadcastState>;
}

/** Starts it with a quota that slows nothing down, unless the variables say otherwise; the emulator enforces none. */
export async function startBroadcasts(
  limits: Partial<BroadcastLimits> = {},
  variables: Record<string, string> = {},
): Promise<BroadcastApp> {
  // An app of its own: what it keeps in Redis is named after it.
  const emulator = await MimcEmulator.start({ credentials: { appId: `${randomInt(2 ** 47)}` } });
  const { appId, appKey, appSecret } = emulator.credentials;
  const env = {
    MIMC_APP_ID: appId,
    MIMC_APP_KEY: appKey,
    MIMC_APP_SECRET: appSecret,
    MIMC_BASE_URL: emulator.url,
    MIMC_FROM_ACCOUNT: 'sample-api',
    MIMC_ACCOUNTS_PER_SECOND: '100000',
    MIMC_TOPICS_PER_SECOND: '100000',
    ...variables,
  };
  const settings = { ...readConsoleSettings({ ...env, SAMPLE_API_KEY: DEMO_KEY }), broadcasts: limits };
  const app = await withMimcEnv(env, () => createApp(settings, { logger: false }));
  const sample: SampleApp = { ...(await listen(app)), emulator };
  const state = async (id: string) =>
    (await sample.get(`/broadcasts/${id}`).auth(DEMO_KEY, BEARER).expect(200)).body as BroadcastState;
  return {
    ...sample,
    state,
    start: (body = {}) =>
      sample.post('/broadcasts', { kind: 'accounts', message: { msg: 'hello' }, recipients: ['a', 'b'], ...body }),
    upload: (query, body, type = 'text/plain') =>
      request(sample.url).post('/broadcasts').auth(DEMO_KEY, BEARER).query(query).set('Content-Type', type).send(body),
    act: (id, action) => request(sample.url).post(`/broadcasts/${id}/${action}`).auth(DEMO_KEY, BEARER),
    cancel: (id) => request(sample.url).delete(`/broadcasts/${id}`).auth(DEMO_KEY, BEARER),
    list: async () => (await sample.get('/broadcasts').auth(DEMO_KEY, BEARER).expect(200)).body as BroadcastList,
    async failures(id) {
      // Superagent makes text of types that it knows alone.
      const headers = { authorization: `Bearer ${DEMO_KEY}` };
      const response = await fetch(`${sample.url}/broadcasts/${id}/failures`, { headers });
      const lines = (await response.text()).split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as BroadcastFailure);
    },
    async reaches(id, wanted) {
      let last = await state(id);
      for (const end = performance.now() + 30_000; last.state !== wanted && performance.now() < end;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        last = await state(id);
      }
      if (last.state !== wanted) throw new Error(`The broadcast is ${last.state}, not ${wanted}`);
      return last;
    },
    async close() {
      await app.close();
      await emulator.close();
    },
  };
}

/** Directories of stored audiences in the temporary folder, and the files in them. */
export function storedAudiences(): string[] {
  const root = tmpdir();
  const directories = readdirSync(root).filter((name) => name.startsWith('sample-api-broadcasts-'));
  const files = directories.flatMap((name) => readdirSync(join(root, name)).map((file) => join(name, file)));
  return [...directories, ...files];
}

/** Waits until a condition holds. */
export function until(condition: () => boolean | Promise<boolean>, withinMs?: number): Promise<void> {
  return eventually(async () => {
    if (!(await condition())) throw new Error('It does not hold');
  }, withinMs);
}
