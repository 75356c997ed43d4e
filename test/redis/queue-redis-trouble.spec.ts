import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { MimcEmulator } from 'nestjs-mimc/testing';
import { COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { eventually } from '../support/eventually.js';
import { mayStartRedis, startRedis, type TestRedis } from '../support/redis.js';
import { LOCK_MS, startWorker } from './queue-processes.js';
import { accounts, endOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };
const queues = useQueues({ lockMs: LOCK_MS, worker: false });
const { boot } = queues;
const worker = (more?: Parameters<typeof startWorker>[1]) => startWorker(queues, more);
let mimc: MimcEmulator;

beforeAll(compileProcesses, COMPILE_MS);
beforeEach(() => void ({ mimc } = queues));

const notOnce = (people: readonly string[]) => people.filter((account) => mimc.count(account) !== 1);

// A Redis that somebody else started cannot be restarted.
(mayStartRedis() ? describe : describe.skip)('a Redis', () => {
  let own: TestRedis;

  beforeEach(async () => {
    own = await startRedis({ persistence: true });
  });
  afterEach(async () => {
    await queues.close();
    await own.stop();
  });

  it('that crashes and restarts makes nothing unknown, and loses nobody', async () => {
    // Nobody dies, so that no lock must expire.
    const patient = { redisUrl: own.url, lockMs: 10_000 };
    const { broadcasts, pushes } = await boot({ queue: { connection: own.url } });
    mimc.faultWhen(() => true, { kind: 'delay', ms: 20 });
    await Promise.all([worker(patient), worker(patient)]);
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(3_000) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p' });
    for (const sent of [50, 1_000]) {
      await eventually(() => expect(mimc.totals.accountsDelivered).toBeGreaterThan(sent));
      await own.kill();
      await own.restart();
    }
    await eventually(async () => {
      await expect(broadcasts.get('b')).resolves.toMatchObject({
        state: 'done',
        counts: { accepted: 3_000, unknown: 0 },
      });
    }, 90_000);
    await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    expect(notOnce([...accounts(3_000), 'alice'])).toEqual([]);
  });

  it('that is full pauses, cancels and says so, and continues once it has room', async () => {
    const admin = new Redis(own.url);
    const { broadcasts, pushes } = await boot({ queue: { connection: own.url, worker: true } });
    mimc.faultWhen(() => true, { kind: 'delay', ms: 50 });
    for (const id of ['b', 'c']) await broadcasts.enqueue({ id, message, audience: accounts(2_000) });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'p', sendAt: new Date(Date.now() + 600_000) });
    await eventually(() => expect(mimc.requests.length).toBeGreaterThan(10));
    await admin.config('SET', 'maxmemory', 1);
    await expect(broadcasts.pause('b')).resolves.toMatchObject({ state: 'paused' });
    await expect(broadcasts.cancel('c')).resolves.toMatchObject({ state: 'cancelled' });
    await expect(broadcasts.list()).resolves.toHaveLength(2);
    await expect(pushes.get('p')).resolves.toMatchObject({ state: 'scheduled' });
    const refused = broadcasts.enqueue({ id: 'd', message, audience: accounts(10) });
    await expect(refused).rejects.toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent' });
    await admin.config('SET', 'maxmemory', 0);
    admin.disconnect();
    await broadcasts.resume('b');
    await expect(endOf(broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 2_000 } });
    const { counts } = (await endOf(broadcasts, 'c')) ?? {};
    expect(counts).toMatchObject({ unknown: 0, pending: 0 });
    expect(mimc.totals.accountsDelivered).toBe(2_000 + (counts?.accepted ?? NaN));
  });

  it('that refuses to pause a broadcast leaves nobody without an outcome', async () => {
    const admin = new Redis(own.url);
    const { broadcasts, log } = await boot({ queue: { connection: own.url, worker: true, concurrency: 1 } });
    const { appSecret } = mimc.credentials;
    mimc.rotateCredentials({ appSecret: 'another one' });
    const answer = mimc.faultWhen(() => true, { kind: 'delay', ms: 3_000 });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(50) });
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    await admin.call('ACL', 'SETUSER', 'default', '-smove');
    await eventually(() => expect(log.join()).toContain('trouble with Redis'));
    answer();
    mimc.rotateCredentials({ appSecret });
    await admin.call('ACL', 'SETUSER', 'default', '+smove');
    admin.disconnect();
    await eventually(async () => {
      // Requests that were refused before may have paused it.
      await broadcasts.resume('b');
      await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 50 } });
    });
    expect(notOnce(accounts(50))).toEqual([]);
  });
});
