import { beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { secrets } from '../support/push-app.js';
import { SlowProxy } from '../stress/chaos-queue/slow-proxy.js';
import { accounts, endOf, failuresOf, useQueues } from './use-queues.js';

const message = { msg: 'hello' };

describe('queues whose users and workers cross each other', () => {
  const queues = useQueues();
  const { boot } = queues;
  let mimc: MimcEmulator;
  let prefix = '';

  beforeEach(() => void ({ mimc, prefix } = queues));

  const isOver = (queue: MimcBroadcastQueue, id: string) =>
    eventually(async () => expect(await queue.get(id)).toMatchObject({ ended: true }));
  /** An audience that gives its first part, and the rest on request. */
  const inTwoParts = (all: readonly string[], first: number) => {
    let giveTheRest = () => {};
    const isGiven = new Promise<void>((resolve) => (giveTheRest = resolve));
    const audience = (async function* () {
      yield* all.slice(0, first);
      await isGiven;
      yield* all.slice(first);
    })();
    return { audience, giveTheRest };
  };

  it('send to nobody twice when a producer adds again what was sent and removed meanwhile', async () => {
    const [early, late] = [await boot({ queue: { worker: false } }), await boot({ queue: { worker: false } })];
    const everybody = accounts(2_500);
    const { audience, giveTheRest } = inTwoParts(everybody, 500);
    const second = late.broadcasts.enqueue({ id: 'b', message, audience }).catch((error: unknown) => error);
    await early.broadcasts.enqueue({ id: 'b', message, audience: everybody });
    // One request is slow, so that the broadcast still runs when most of its jobs are gone.
    mimc.failNext({ kind: 'delay', ms: 2_000 });
    await boot();
    await eventually(async () => {
      expect((await early.broadcasts.get('b'))?.counts.accepted).toBeGreaterThan(2_000);
    });
    giveTheRest();
    await second;
    await isOver(early.broadcasts, 'b');
    await expect(early.broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 2_500, pending: 0 } });
    expect(everybody.filter((account) => mimc.count(account) !== 1)).toEqual([]);
  });

  it('continue when a request outlasts the pause of its broadcast', async () => {
    const app = await boot({ queue: { concurrency: 2, shutdownMs: 100 } });
    mimc.failNext({ kind: 'delay', ms: 2_000 }, 2);
    await app.broadcasts.enqueue({ id: 'slow', message, audience: accounts(40) });
    await eventually(() => expect(mimc.requests.length).toBe(2));
    await app.broadcasts.pause('slow');
    await app.broadcasts.enqueue({ id: 'other', message, audience: accounts(40) });
    await app.pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '1' });
    await isOver(app.broadcasts, 'other');
    await expect(app.pushes.wait('1')).resolves.toMatchObject({ state: 'accepted' });
    await app.broadcasts.resume('slow');
    await isOver(app.broadcasts, 'slow');
    await expect(app.broadcasts.get('slow')).resolves.toMatchObject({ counts: { accepted: 40 } });
  });

  it('send nothing of what was paused before its audience was known, until it is resumed', async () => {
    const { broadcasts } = await boot();
    const { audience, giveTheRest } = inTwoParts(accounts(30), 20);
    const enqueued = broadcasts.enqueue({ id: 'b', message, audience });
    await eventually(async () => expect(await broadcasts.get('b')).toMatchObject({ state: 'enqueuing' }));
    await broadcasts.pause('b');
    giveTheRest();
    await expect(enqueued).resolves.toMatchObject({ state: 'paused' });
    expect(mimc.requests).toHaveLength(0);
    await broadcasts.resume('b');
    await isOver(broadcasts, 'b');
    expect(mimc.requests).toHaveLength(3);
  });

  it('remember each push for as long as it says, and forget it then', async () => {
    const { pushes } = await boot();
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'long' });
    await pushes.wait('long');
    await pushes.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: 'short', retentionMs: 1_000 });
    await pushes.toTopic({ topicId: '7', msg: 'hello' }, { id: 'group', retentionMs: 1_000 });
    await eventually(async () => expect(await pushes.get('short')).toBeUndefined());
    // Its id is free for a push of any kind then.
    await eventually(async () => {
      await pushes.toAccount({ toAccount: 'carol', msg: 'hello' }, { id: 'group' });
    });
    await expect(pushes.get('long')).resolves.toMatchObject({ state: 'accepted' });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'long' });
    await pushes.wait('long');
    expect(mimc.count('alice')).toBe(1);
  });

  it('keep a push that was added again under an id that a process forgot halfway', async () => {
    const { pushes } = await boot({ queue: { worker: false } });
    const ended = `{${prefix}:${secrets.appId}}:pushes-ended`;
    await queues.client.zadd(ended, Date.now() - 1, 'p-again');
    const sendAt = new Date(Date.now() + 3_000);
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: 'again', sendAt });
    await boot();
    await eventually(async () => expect(await queues.client.zcard(ended)).toBe(0));
    await expect(pushes.wait('again')).resolves.toMatchObject({ state: 'accepted' });
    expect(mimc.count('alice')).toBe(1);
  });

  it('keep the id of a push to a group while a producer adds it again', async () => {
    const { pushes } = await boot();
    await pushes.toTopic({ topicId: '7', msg: 'hello' }, { id: 'group', retentionMs: 1_000 });
    await pushes.wait('group');
    const app = `{${prefix}:${secrets.appId}}`;
    await queues.client.hset(`${app}:pushes:p-group`, 'adding:somebody', Date.now() + 60_000);
    await eventually(async () => expect(await pushes.get('group')).toBeUndefined());
    const toAccount = () => pushes.toAccount({ toAccount: 'carol', msg: 'hello' }, { id: 'group' });
    await expect(toAccount()).rejects.toMatchObject({ violations: [{ field: 'id', rule: 'sameContent' }] });
    // Once nobody waits for that producer any more, the push is forgotten and its id is free.
    await queues.client.hset(`${app}:pushes:p-group`, 'adding:somebody', Date.now() - 1);
    await queues.client.zadd(`${app}:pushes-ended`, Date.now() - 1, 'p-group');
    await eventually(toAccount);
  });

  it('take no id of a push behind one that is refused', async () => {
    const { pushes } = await boot({ queue: { worker: false } });
    await pushes.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: 'B' });
    const toGroup = (id: string) => ({ id, push: { topicId: '7', msg: 'hello' } });
    const refused = pushes.addAll(['A', 'B', 'C'].map(toGroup));
    await expect(refused).rejects.toMatchObject({ violations: [{ message: expect.stringContaining('B was added') }] });
    await expect(pushes.get('A')).resolves.toMatchObject({ id: 'A' });
    await expect(pushes.get('C')).resolves.toBeUndefined();
    await pushes.toAccount({ toAccount: 'carol', msg: 'hello' }, { id: 'C' });
  });

  it('send again, at least once, what was not answered when it was paused', async () => {
    const { broadcasts } = await boot({ mimc: { timeouts: { responseMs: 1_000 } } });
    mimc.failNext({ kind: 'hang' });
    const request = { id: 'b', message, audience: accounts(10), delivery: 'at-least-once' } as const;
    await broadcasts.enqueue(request);
    await eventually(() => expect(mimc.requests.length).toBe(1));
    await broadcasts.pause('b');
    // Its only request times out while it is paused.
    await eventually(async () => expect((await broadcasts.get('b'))?.counts).toMatchObject({ pending: 10 }));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'paused', counts: { pending: 10, unknown: 0 } });
    await broadcasts.resume('b');
    await isOver(broadcasts, 'b');
    await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 10, unknown: 0 } });
  });

  it('send no further part of a push once it is cancelled', async () => {
    const { pushes } = await boot({ queue: { worker: false } });
    await boot({ mimc: { quota: { accountsPerSecond: 5 } } });
    await pushes.toAccounts({ toAccounts: accounts(50), msg: 'hello' }, { id: '1' });
    await eventually(() => expect(mimc.requests.length).toBeGreaterThan(0));
    await pushes.cancel('1');
    const sent = mimc.requests.length;
    await expect(pushes.wait('1')).resolves.toMatchObject({ state: 'cancelled' });
    // One may have been in flight.
    expect(mimc.requests.length).toBeLessThanOrEqual(sent + 1);
  });

  it('never report as not sent who may have got the message, resent and cancelled though they were', async () => {
    const { broadcasts } = await boot({ mimc: { timeouts: { responseMs: 200 } } });
    mimc.failNext({ kind: 'hang' });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(10) });
    await isOver(broadcasts, 'b');
    await broadcasts.get('b').then((b) => expect(b).toMatchObject({ counts: { unknown: 10 } }));
    await queues.close();
    const { broadcasts: control } = await boot({ queue: { worker: false } });
    await expect(control.resend('b', ['unknown'])).resolves.toBe(10);
    await control.cancel('b');
    await boot();
    await isOver(control, 'b');
    await expect(control.get('b')).resolves.toMatchObject({ state: 'cancelled', counts: { unknown: 10, notSent: 0 } });
  });

  it('count failures anew after a resend', async () => {
    const allow = mimc.faultWhen(() => true, { kind: 'code', code: 403, message: 'no' });
    const { broadcasts } = await boot({ queue: { stopAfterConsecutiveFailures: 3, concurrency: 1 } });
    await broadcasts.enqueue({ id: 'b', message, audience: accounts(20) });
    await isOver(broadcasts, 'b');
    allow();
    mimc.failNext({ kind: 'code', code: 403, message: 'no' });
    await expect(broadcasts.resend('b', ['refused'])).resolves.toBe(20);
    await isOver(broadcasts, 'b');
    await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 10, refused: 10 } });
    await expect(broadcasts.resend('b', ['unknown'])).resolves.toBe(0);
    await expect(broadcasts.get('b')).resolves.toMatchObject({ state: 'done', ended: true });
  });

  it('count the attempts at a push over refusals, pauses and restarts, and stop at the limit over them', async () => {
    const quick = { mimc: { timeouts: { responseMs: 1_000 } }, queue: { lockMs: 1_000 } };
    const first = await boot(quick);
    mimc.failNext([
      { kind: 'code', code: 401 },
      { kind: 'code', code: 429, retryAfter: '0' },
    ]);
    const push = { toAccount: 'alice', msg: 'hello' };
    await first.pushes.toAccount(push, { id: 'refused first' });
    const { receipt } = await first.pushes.wait('refused first');
    expect(receipt).toMatchObject({ attempts: 3, mayBeDuplicate: false });

    const hangs = mimc.faultWhen(() => true, { kind: 'hang' });
    const before = mimc.requests.length;
    const broadcast = { message, audience: accounts(10), delivery: 'at-least-once', attempts: 2 } as const;
    await first.broadcasts.enqueue({ id: 'b', ...broadcast });
    await eventually(() => expect(mimc.requests.length).toBe(before + 1));
    await first.broadcasts.pause('b');
    await first.close();
    const second = await boot(quick);
    await second.broadcasts.resume('b');
    await isOver(second.broadcasts, 'b');
    expect(mimc.requests.length).toBe(before + 2);
    hangs();
    const { value: failed } = await second.broadcasts.failedChunks('b').next();
    expect(failed).toMatchObject({ outcome: 'unknown', attempts: 2, code: 'MIMC_TIMEOUT' });
    mimc.failNext({ kind: 'code', code: 403 });
    await second.pushes.toAccount(push, { id: 'refused' });
    await expect(second.pushes.wait('refused')).resolves.toMatchObject({ error: { code: 'MIMC_API', attempts: 1 } });
  });

  it('never report as not sent who may have got the message, though another worker splits the request', async () => {
    const first = await boot({ mimc: { timeouts: { responseMs: 1_000 } } });
    mimc.failNext({ kind: 'hang' });
    await first.broadcasts.enqueue({ id: 'b', message, audience: accounts(10), delivery: 'at-least-once' });
    await eventually(() => expect(mimc.requests.length).toBe(1));
    await first.broadcasts.pause('b');
    await first.close();
    const second = await boot({ mimc: { quota: { accountsPerSecond: 3 } } });
    mimc.faultWhen(() => mimc.requests.length > 2, { kind: 'code', code: 403 });
    await second.broadcasts.resume('b');
    await isOver(second.broadcasts, 'b');
    await expect(second.broadcasts.get('b')).resolves.toMatchObject({
      counts: { accepted: 3, unknown: 7, refused: 0 },
    });
    const failed = await failuresOf(second.broadcasts, 'b');
    expect(failed.map(({ attempts }) => attempts)).toEqual([2, 2, 2]);
  });

  it('never report as not sent who may have got the message before a resend that is split', async () => {
    const first = await boot({ mimc: { timeouts: { responseMs: 1_000 } } });
    mimc.failNext({ kind: 'hang' });
    await first.broadcasts.enqueue({ id: 'b', message, audience: accounts(10) });
    await isOver(first.broadcasts, 'b');
    await first.close();
    const { broadcasts } = await boot({ mimc: { quota: { accountsPerSecond: 3 } } });
    mimc.faultWhen(() => true, { kind: 'code', code: 403 });
    await expect(broadcasts.resend('b', ['unknown'])).resolves.toBe(10);
    await isOver(broadcasts, 'b');
    expect(mimc.requests.length).toBe(5);
    await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { unknown: 10, refused: 0 } });
  });

  it('send one push at most under an id, though workers begin each before the producer of the other one sees it', async () => {
    const far = await SlowProxy.start(Number(new URL(queues.redis.url).port));
    const connection = `redis://127.0.0.1:${far.port}`;
    const [one, other] = [
      await boot({ queue: { worker: false, connection } }),
      await boot({ queue: { worker: false, connection } }),
    ];
    await boot({ queue: { concurrency: 20 } });
    // Connected before it matters.
    await Promise.all([one.pushes.get('x'), other.pushes.get('x')]);
    far.latencyMs = 150;
    const ids = Array.from({ length: 5 }, (_, index) => `${index}`);
    const added = await Promise.all(
      ids.map((id) =>
        Promise.allSettled([
          one.pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id }),
          other.pushes.toTopic({ topicId: '7', msg: 'hello' }, { id }),
        ]),
      ),
    );
    const taken = added.map((both) => both.filter(({ status }) => status === 'fulfilled').length);
    expect(taken).toEqual(ids.map(() => 1));
    far.latencyMs = 0;
    await Promise.all(ids.map((id) => one.pushes.wait(id)));
    expect(mimc.count('alice') + mimc.topicInbox('7').length).toBe(ids.length);
    await far.close();
  });

  it('of two apps never send what the other one added, under the same ids', async () => {
    const credentials = { ...secrets, appId: '2882303761517669599' };
    const second = await MimcEmulator.start({ credentials });
    try {
      const one = await boot();
      const two = await boot({ mimc: { ...credentials, baseUrl: second.url } });
      await one.broadcasts.enqueue({ id: 'b', message: { msg: 'one' }, audience: accounts(300) });
      await two.broadcasts.enqueue({ id: 'b', message: { msg: 'two' }, audience: accounts(200) });
      await one.pushes.toAccount({ toAccount: 'alice', msg: 'one' }, { id: 'p' });
      await two.pushes.toAccount({ toAccount: 'alice', msg: 'two' }, { id: 'p' });
      await expect(endOf(one.broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 300, accepted: 300 } });
      await expect(endOf(two.broadcasts, 'b')).resolves.toMatchObject({ counts: { read: 200, accepted: 200 } });
      for (const { pushes } of [one, two]) await expect(pushes.wait('p')).resolves.toMatchObject({ state: 'accepted' });
      const sent = ({ requests }: MimcEmulator) => new Set(requests.map(({ body }) => (body as { msg: string }).msg));
      expect([sent(mimc), sent(second)]).toEqual([new Set(['one']), new Set(['two'])]);
      expect([mimc.totals.accountsDelivered, second.totals.accountsDelivered]).toEqual([301, 201]);
      expect([mimc.totals.refused, second.totals.refused]).toEqual([0, 0]);
    } finally {
      await queues.close();
      await second.close();
    }
  });
});
