import type { INestApplication } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type MimcModuleOptions, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { bootObserved } from '../support/observed-app.js';
import { errorOf, secrets } from '../support/push-app.js';
import { startTelemetry, type Telemetry } from '../support/telemetry.js';

const dto = { toAccount: 'alice', msg: 'hello' };

describe('nestjs-mimc/opentelemetry measures', () => {
  let mimc: MimcEmulator;
  let telemetry: Telemetry;
  let app: INestApplication;
  let push: MimcPushService;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterAll(() => mimc.close());
  beforeEach(() => {
    telemetry = startTelemetry();
    mimc.clear();
  });
  afterEach(() => app.close());

  async function boot(options: Partial<MimcModuleOptions> = {}): Promise<void> {
    app = await bootObserved(telemetry, { baseUrl: mimc.url, ...options });
    push = app.get(MimcPushService);
  }

  it('duration and recipients by endpoint, code and outcome', async () => {
    await boot();
    await push.toAccounts({ toAccounts: ['a', 'b', 'c'], msg: 'hello' });
    await push.toAccounts({ toAccounts: ['a', 'b'], msg: 'hello' });
    mimc.failNext([
      { kind: 'code', code: 500 },
      { kind: 'reset', when: 'after-read' },
      { kind: 'delay', ms: 200 },
    ]);
    await errorOf(push.toTopics({ topicIds: ['7', '8'], msg: 'hello' }));
    await errorOf(push.toTopic({ topicId: '7', msg: 'hello' }));
    await push.toAccount(dto);
    await errorOf(push.toAccount(dto, { signal: AbortSignal.abort() }));
    await errorOf(push.toAccount({ ...dto, toAccount: '' }));

    const recipients = await telemetry.measured('mimc.recipients');
    const outcome = (endpoint: string, is: string) => ({ 'mimc.endpoint': endpoint, 'mimc.outcome': is });
    expect(recipients).toHaveLength(5);
    expect(recipients).toEqual(
      expect.arrayContaining([
        { attributes: outcome('p2p', 'accepted'), value: 1 },
        { attributes: outcome('p2p', 'not-sent'), value: 1 },
        { attributes: outcome('p2p/more', 'accepted'), value: 5 },
        { attributes: outcome('p2t', 'unknown'), value: 1 },
        { attributes: outcome('p2t/more', 'refused'), value: 2 },
      ]),
    );
    const durations = await telemetry.measured('mimc.call.duration');
    const ended = (endpoint: string, code: string, is: string) => ({ ...outcome(endpoint, is), 'mimc.code': code });
    expect(durations).toHaveLength(6);
    expect(durations).toEqual(
      expect.arrayContaining(
        [
          { attributes: ended('p2p/more', 'OK', 'accepted'), value: 2 },
          { attributes: ended('p2t/more', 'MIMC_API', 'refused'), value: 1 },
          { attributes: ended('p2t', 'MIMC_RESET', 'unknown'), value: 1 },
          { attributes: ended('p2p', 'OK', 'accepted'), value: 1 },
          { attributes: ended('p2p', 'MIMC_ABORTED', 'not-sent'), value: 1 },
          { attributes: ended('p2p', 'MIMC_INVALID', 'not-sent'), value: 1 },
        ].map((expected) => expect.objectContaining(expected)),
      ),
    );
    const slow = durations.find(({ attributes: at }) => at['mimc.endpoint'] === 'p2p' && at['mimc.code'] === 'OK');
    expect(slow?.sum).toBeGreaterThan(0.19);
    expect(slow?.sum).toBeLessThan(2);
  });

  it('retries and throttled attempts', async () => {
    await boot();
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '0' }, 2);
    await push.toTopic({ topicId: '7', msg: 'hello' });

    expect(await telemetry.measured('mimc.retries')).toEqual([
      { attributes: { 'mimc.endpoint': 'p2t', 'mimc.code': 'MIMC_RATE_LIMITED' }, value: 2 },
    ]);
    expect(await telemetry.measured('mimc.throttled')).toEqual([
      { attributes: { 'mimc.endpoint': 'p2t', 'mimc.bucket': 'topics' }, value: 2 },
    ]);
  });

  it('queue, quota and penalty of every bucket', async () => {
    await boot({ quota: { accountsPerSecond: 4, topicsPerSecond: 20 }, retry: false });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '30' });
    await errorOf(push.toTopic({ topicId: '7', msg: 'hello' }));
    await push.toAccounts({ toAccounts: ['a', 'b', 'c'], msg: 'hello' });
    const waiting = [1, 2].map(() => errorOf(push.toAccounts({ toAccounts: ['a', 'b'], msg: 'hello' })));

    const now = async (name: string) =>
      Object.fromEntries(
        (await telemetry.measured(name)).map(({ attributes, value }) => [attributes['mimc.bucket'], value]),
      );
    expect(await now('mimc.queue.depth')).toEqual({ accounts: 2, topics: 0, unlimitedTopics: 0 });
    expect(await now('mimc.quota.utilization')).toEqual({ accounts: 0.75, topics: 0.05, unlimitedTopics: 0 });
    const penalty = await now('mimc.penalty.remaining');
    expect(penalty['accounts']).toBe(0);
    expect(penalty['topics']).toBeGreaterThan(28);
    expect(penalty['topics']).toBeLessThanOrEqual(30);
    await app.close();
    await Promise.all(waiting);
  });

  it('no share of a quota that is switched off', async () => {
    await boot({ quota: false });
    expect(await telemetry.measured('mimc.quota.utilization')).toEqual([]);
    expect(await telemetry.measured('mimc.queue.depth')).toHaveLength(3);
  });
});
