import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { reusablePort } from '../support/ports.js';
import { mayStartRedis, startRedis } from '../support/redis.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { accounts, endOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };
const queues = useQueues();
const { boot } = queues;

describe('what Redis did not confirm', () => {
  let relay: TcpRelay;

  beforeEach(async () => {
    relay = await TcpRelay.start(queues.redis.url);
  });
  afterEach(async () => {
    await queues.close();
    await relay.stop();
  });

  const producer = () => boot({ queue: { connection: relay.url, worker: false } });

  it('is a push that may be sent: unknown, and the same push when it is added again', async () => {
    const { pushes } = await producer();
    const sender = await boot();
    // Redis knows the scripts from here on.
    await pushes.toAccount({ toAccount: 'bob', ...message }, { id: 'first' });
    relay.loseReplyTo(/alice/);
    const add = () => pushes.toAccount({ toAccount: 'alice', ...message }, { id: 'p' });
    await expect(add()).rejects.toMatchObject({
      code: 'MIMC_CONNECT',
      outcome: 'unknown',
      retryable: false,
      message: expect.stringContaining('add it again with the same id'),
    });
    await expect(sender.pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    await expect(add()).resolves.toMatchObject({ state: 'accepted' });
    expect(queues.mimc.count('alice')).toBe(1);
  });

  it('is a broadcast that may be sent: unknown, and the same broadcast when it is enqueued again', async () => {
    const { broadcasts } = await producer();
    const sender = await boot();
    await broadcasts.enqueue({ id: 'first', message, audience: accounts(1) });
    // The audience as SEAL stores it: the number of entries and a digest.
    relay.loseReplyTo(/\b20:[\w-]{43}/);
    const enqueue = () => broadcasts.enqueue({ id: 'b', message, audience: accounts(20) });
    await expect(enqueue()).rejects.toMatchObject({
      code: 'MIMC_CONNECT',
      outcome: 'unknown',
      message: expect.stringContaining('enqueue b again'),
    });
    await expect(endOf(sender.broadcasts, 'b')).resolves.toMatchObject({ state: 'done', counts: { accepted: 20 } });
    await expect(enqueue()).resolves.toMatchObject({ state: 'done', counts: { accepted: 20 } });
    expect(queues.mimc.totals.accountsDelivered).toBe(21);
  });

  it('was not sent if it was never there, or before the audience was complete', async () => {
    const notSent = { code: 'MIMC_CONNECT', outcome: 'not-sent', retryable: true };
    const away = await boot({ queue: { connection: `redis://127.0.0.1:${await reusablePort()}`, worker: false } });
    await expect(away.pushes.toAccount({ toAccount: 'alice', ...message }, { id: 'p' })).rejects.toMatchObject(notSent);
    await expect(away.broadcasts.enqueue({ id: 'b', message, audience: ['alice'] })).rejects.toMatchObject(notSent);

    const { broadcasts } = await producer();
    relay.loseReplyTo(/user-19/);
    const enqueued = broadcasts.enqueue({ id: 'b', message, audience: accounts(20) });
    await expect(enqueued).rejects.toMatchObject(notSent);
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'enqueuing', counts: { accepted: 0 } });
  });

  it('stays unknown when Redis answers what is read after it with an error', async () => {
    const { client, redis } = queues;
    await client.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-hgetall');
    const connection = redis.url.replace('redis://', 'redis://limited:secret@');
    const { pushes } = await boot({ queue: { connection, worker: false } });
    const sender = await boot();
    const added = pushes.toAccount({ toAccount: 'alice', ...message }, { id: 'p' });
    await expect(added).rejects.toMatchObject({ code: 'MIMC_CONNECT', outcome: 'unknown' });
    await expect(sender.pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
    await client.call('ACL', 'DELUSER', 'limited');
  });

  it('is complete already when the application that enqueues it again shuts down', async () => {
    const first = await boot();
    const request = { id: 'b', message, audience: accounts(20) };
    await first.broadcasts.enqueue(request);
    await expect(endOf(first.broadcasts, 'b')).resolves.toMatchObject({ state: 'done' });
    const second = await producer();
    let close: Promise<void> | undefined;
    const audience = (async function* () {
      yield* accounts(10);
      close = second.close();
      yield* accounts(20).slice(10);
    })();
    const again = await second.broadcasts.enqueue({ ...request, audience }).catch((error: unknown) => error);
    expect(again).not.toMatchObject({ outcome: 'not-sent' });
    await close;
  });
});

// One that somebody else started must not be filled.
(mayStartRedis() ? describe : describe.skip)('a Redis that becomes full within a list of pushes', () => {
  it('may have some of them: unknown, and all of them once they are added again', async () => {
    const own = await startRedis();
    queues.closeWith(() => own.stop());
    const admin = new Redis(own.url);
    queues.closeWith(() => admin.quit());
    const { pushes } = await boot({ queue: { connection: own.url, worker: false } });
    const list = accounts(200).map((toAccount) => ({ id: toAccount, push: { toAccount, msg: 'x'.repeat(5_000) } }));
    await pushes.toAccount({ toAccount: 'first', ...message }, { id: 'first' });
    const [used] = /(?<=^used_memory:)\d+/m.exec(await admin.info('memory')) ?? [];
    await admin.config('SET', 'maxmemory', Number(used) + 600_000);
    await expect(pushes.addAll(list)).rejects.toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'unknown' });
    const stored = (await admin.keys('*:pushes:p-user-*')).length;
    expect(stored).toBeGreaterThan(0);
    await admin.config('SET', 'maxmemory', 0);
    await expect(pushes.addAll(list)).resolves.toEqual({ added: 200 - stored, known: stored });
  });
});
