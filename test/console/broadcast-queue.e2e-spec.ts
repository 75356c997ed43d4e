import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { readWorkerSettings } from '../../apps/console/src/settings.js';
import { WorkerModule } from '../../apps/console/src/worker.module.js';
import { BroadcastApp, startBroadcasts, until } from '../support/broadcast-app.js';
import { type UsableRedis, useRedis } from '../support/redis.js';
import { withMimcEnv } from '../support/sample-app.js';

const PEOPLE = Array.from({ length: 120 }, (_, index) => `user-${index}`);

describe('sample API broadcasts on Redis', () => {
  let redis: UsableRedis;
  let sample: BroadcastApp;

  beforeAll(async () => {
    redis = await useRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    sample = await startBroadcasts(
      { eventsEveryMs: 50 },
      { MIMC_ACCOUNTS_PER_SECOND: '50', MIMC_RESPONSE_TIMEOUT_MS: '2000', REDIS_URL: redis.url },
    );
  });
  afterEach(async () => {
    const { appId } = sample.emulator.credentials;
    await sample.close();
    const client = new Redis(redis.url);
    const keys = await client.keys(`*${appId}*`);
    if (keys.length > 0) await client.del(keys);
    await client.quit();
  });

  it('reach everybody once, and report it as those in process do', async () => {
    const { body, headers } = await sample.start({ id: 'all', recipients: PEOPLE.slice(0, 60) }).expect(202);
    expect(headers.location).toBe('/broadcasts/all');
    expect(body).toMatchObject({ id: 'all', kind: 'accounts', total: 60, failures: [] });

    const done = await sample.reaches('all', 'done');
    expect(done).toMatchObject({ progress: { read: 60, accepted: 60 }, failuresOmitted: 0 });
    for (const account of PEOPLE.slice(0, 60)) expect(sample.emulator.count(account)).toBe(1);
    await sample.start({ id: 'all' }).expect(409);
  });

  it('take uploads, and report which entries are not recipients', async () => {
    const query = { kind: 'topics', msg: 'hello', id: 'topics' };
    await sample.upload(query, '21351198708203521\n"news"\n"7"\n', 'application/x-ndjson').expect(202);

    const done = await sample.reaches('topics', 'done');
    expect(done.progress).toMatchObject({ accepted: 2, invalid: 1 });
    expect(done.failures).toEqual([expect.objectContaining({ offset: 1, recipients: ['news'], code: 'MIMC_INVALID' })]);
    expect(sample.emulator.topicCount('21351198708203521')).toBe(1);
  });

  it('pause, continue and are cancelled', async () => {
    await sample.start({ id: 'long', recipients: PEOPLE }).expect(202);
    await sample.act('long', 'pause').expect(200);
    expect((await sample.act('long', 'resume').expect(200)).body.state).toBe('running');
    expect((await sample.cancel('long').expect(200)).body.state).toBe('cancelled');
    await sample.act('long', 'resume').expect(409);
    await sample.act('none', 'pause').expect(404);
  });

  it('have events', async () => {
    await sample.start({ id: 'few', recipients: PEOPLE.slice(0, 70) }).expect(202);
    const headers = { authorization: 'Bearer demo-key' };
    const stream = await (await fetch(`${sample.url}/broadcasts/few/events`, { headers })).text();
    expect(stream).toContain('event: progress\n');
    expect(stream).toMatch(/event: end\n.*\n?data: .*"state":"done"/);
  });

  it('refuse options that are for the workers to have', async () => {
    const { body } = await sample.start({ options: { chunkSize: 5 } }).expect(400);
    expect(body.violations[0]).toMatchObject({ field: 'options.chunkSize', rule: 'queue' });
  });

  it('continue in a worker when the API is gone', async () => {
    const { emulator } = sample;
    const { appId, appKey, appSecret } = emulator.credentials;
    const env = {
      MIMC_APP_ID: appId,
      MIMC_APP_KEY: appKey,
      MIMC_APP_SECRET: appSecret,
      MIMC_BASE_URL: emulator.url,
      MIMC_FROM_ACCOUNT: 'sample-api',
      REDIS_URL: redis.url,
    };
    await sample.start({ id: 'survives', recipients: PEOPLE }).expect(202);
    await sample.app.close();
    expect(emulator.totals.accountsDelivered).toBeLessThan(PEOPLE.length);

    const worker = await withMimcEnv(env, () =>
      Test.createTestingModule({ imports: [WorkerModule.with(readWorkerSettings(process.env))] }).compile(),
    );
    await worker.init();
    await until(() => emulator.totals.accountsDelivered === PEOPLE.length);
    for (const account of PEOPLE) expect(emulator.count(account)).toBe(1);
    expect(emulator.worstWindow.accounts).toBeLessThanOrEqual(50);
    await worker.close();
  });

  it('need credentials and Redis in a worker', () => {
    expect(() => readWorkerSettings({ MIMC_APP_ID: '1' })).toThrow(
      'A worker requires these variables, which are missing: MIMC_APP_KEY, MIMC_APP_SECRET, and REDIS_URL',
    );
  });
});
