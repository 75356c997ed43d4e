import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { reusablePort } from '../support/ports.js';
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
});
