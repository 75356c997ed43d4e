import { beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { MimcQueuedPush } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';
import { bootQueue, type QueueAppOptions } from './queue-app.js';
import { useQueues } from './use-queues.js';

describe('the push queue', () => {
  const queues = useQueues();
  let mimc: MimcEmulator;
  let prefix = '';

  beforeEach(() => void ({ mimc, prefix } = queues));

  const boot = async (options?: QueueAppOptions) => (await queues.boot(options)).pushes;
  const producer = () => boot({ queue: { worker: false } });
  const push = { toAccount: 'alice', msg: 'hello' };

  it('sends a push once, and says what MIMC answered', async () => {
    const pushes = await boot();
    const added = await pushes.toAccount(push, { id: 'order-1' });
    expect(added).toMatchObject({ id: 'order-1', addedAt: expect.any(Date) });
    const [sent] = [await pushes.wait('order-1')];
    expect(sent).toMatchObject({ id: 'order-1', state: 'accepted', endedAt: expect.any(Date) });
    expect(sent.receipt).toMatchObject({ packetId: mimc.inbox('alice')[0]?.packetId, attempts: 1 });
    expect(mimc.inbox('alice')).toMatchObject([{ msg: 'hello', fromAccount: 'news' }]);
  });

  it('sends pushes of all four kinds, to groups by their exact ids', async () => {
    const pushes = await boot();
    await pushes.toAccounts({ toAccounts: ['a', 'b'], msg: 'hello' }, { id: '1' });
    await pushes.toTopic({ topicId: 9007199254740993n, msg: 'hello' }, { id: '2' });
    await pushes.toTopics({ topicIds: ['9223372036854775807', 7], msg: 'hello' }, { id: '3' });
    await expect(pushes.wait('1')).resolves.toMatchObject({ state: 'accepted', receipt: { requested: 2 } });
    await pushes.wait('2');
    await expect(pushes.wait('3')).resolves.toMatchObject({ receipt: { packetIds: { length: 2 } } });
    const groups = ['9007199254740993', '9223372036854775807', '7'];
    expect(groups.map((id) => mimc.topicInbox(id).length)).toEqual([1, 1, 1]);
  });

  it('takes the same push under the same id as the same, and another one not', async () => {
    const [one, other] = [await producer(), await producer()];
    const both = await Promise.all([one.toAccount(push, { id: 'x:1' }), other.toAccount(push, { id: 'x:1' })]);
    expect(both).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
    const wrong = await errorOf(one.toAccount({ ...push, msg: 'bye' }, { id: 'x:1' }));
    expect(wrong).toMatchObject({ code: 'MIMC_INVALID', violations: [{ field: 'id', rule: 'sameContent' }] });
    const worker = await boot();
    await expect(worker.wait('x:1')).resolves.toMatchObject({ state: 'accepted' });
    await worker.toAccount(push, { id: 'x:1' });
    await worker.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: 'x:2' });
    await worker.wait('x:2');
    expect(mimc.count('alice')).toBe(1);
  });

  it('adds many with texts of their own, and knows those it has', async () => {
    const pushes = await boot();
    const all = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ id: `p${n}`, push: { toAccount: `user-${n}`, msg: `Hello ${n}` } }));
    await expect(pushes.addAll(all(300))).resolves.toEqual({ added: 300, known: 0 });
    await expect(pushes.addAll(all(450))).resolves.toEqual({ added: 150, known: 300 });
    await eventually(() => expect(mimc.requests.length).toBe(450));
    const texts = all(450).map(({ push: { toAccount } }) => mimc.inbox(toAccount).map(({ msg }) => msg));
    expect(texts).toEqual(all(450).map(({ push: { msg } }) => [msg]));
    const broken = [...all(460).slice(450), { id: 'wrong', push: { toAccount: '', msg: '' } }];
    await expect(errorOf(pushes.addAll(broken))).resolves.toMatchObject({ code: 'MIMC_INVALID' });
    await eventually(() => expect(mimc.requests.length).toBe(460));
  });

  it('sends not before its time, and not after it', async () => {
    const pushes = await boot();
    const sendAt = new Date(Date.now() + 1_000);
    await expect(pushes.toAccount(push, { id: 'later', sendAt })).resolves.toMatchObject({
      state: 'scheduled',
      sendAt,
    });
    await pushes.toAccount(push, { id: 'too-late', expiresAt: new Date(Date.now() - 1) });
    await expect(pushes.wait('too-late')).resolves.toMatchObject({ state: 'expired' });
    await pushes.wait('later');
    expect(mimc.inbox('alice')).toHaveLength(1);
    expect(Date.now()).toBeGreaterThanOrEqual(sendAt.getTime());
  });

  it('cancels what has not begun, which stays known', async () => {
    const pushes = await boot();
    await pushes.toAccount(push, { id: 'c', sendAt: new Date(Date.now() + 3_600_000) });
    await expect(pushes.cancel('c')).resolves.toMatchObject({ state: 'cancelled' });
    await pushes.toAccount(push, { id: 'c' });
    await pushes.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: 'd' });
    await pushes.wait('d');
    await expect(pushes.get('c')).resolves.toMatchObject({ state: 'cancelled' });
    await expect(pushes.cancel('d')).resolves.toMatchObject({ state: 'accepted' });
    await expect(pushes.cancel('nobody')).resolves.toBeUndefined();
    expect(mimc.count('alice')).toBe(0);
  });

  it('reports what was refused and what may have been sent, and lists them', async () => {
    const pushes = await boot({ mimc: { timeouts: { responseMs: 200 } }, queue: { concurrency: 1 } });
    mimc.failNext([{ kind: 'code', code: 403, message: 'no' }, { kind: 'hang' }]);
    await pushes.toAccount(push, { id: '1' });
    await expect(pushes.wait('1')).resolves.toMatchObject({
      state: 'refused',
      error: { code: 'MIMC_API', apiCode: 403 },
    });
    await pushes.toAccount(push, { id: '2' });
    await expect(pushes.wait('2')).resolves.toMatchObject({ state: 'unknown', error: { code: 'MIMC_TIMEOUT' } });
    await eventually(async () => {
      const failed: MimcQueuedPush[] = [];
      for await (const one of pushes.failed()) failed.push(one);
      expect(failed.map(({ id, state }) => [id, state])).toEqual([
        ['1', 'refused'],
        ['2', 'unknown'],
      ]);
    });
  });

  it('waits while MIMC is away, refuses the credentials or throttles, and continues by itself', async () => {
    const { port } = mimc;
    await mimc.close();
    const pushes = await boot();
    await pushes.toAccount(push, { id: '1' });
    await expect(pushes.wait('1', { timeoutMs: 500 })).resolves.toMatchObject({ state: 'waiting' });
    mimc = await MimcEmulator.start({ credentials: secrets, port });
    queues.closeWith(() => mimc.close());
    mimc.failNext([
      { kind: 'code', code: 401 },
      { kind: 'code', code: 429, retryAfter: '0' },
    ]);
    await expect(pushes.wait('1')).resolves.toMatchObject({ state: 'accepted' });
    expect(mimc.count('alice')).toBe(1);
  });

  it('repeats what may have been sent only with at-least-once delivery, and says so', async () => {
    const pushes = await boot({ queue: { concurrency: 1 } });
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    await pushes.toAccount(push, { id: '1', delivery: 'at-least-once' });
    const sent = await pushes.wait('1');
    expect(sent).toMatchObject({ state: 'accepted', receipt: { mayBeDuplicate: true } });
    // Once is what is known; the first may have arrived too, and here it did not.
    expect(mimc.requests).toHaveLength(2);
    mimc.failNext([
      { kind: 'reset', when: 'after-read' },
      { kind: 'code', code: 403 },
    ]);
    await pushes.toAccount(push, { id: '2', delivery: 'at-least-once' });
    await expect(pushes.wait('2')).resolves.toMatchObject({ state: 'unknown', error: { code: 'MIMC_API' } });
  });

  it('sends to accounts while pushes to throttled groups wait, and knows one id in both', async () => {
    mimc.faultWhen(({ endpoint }) => endpoint === 'p2t', { kind: 'code', code: 429, retryAfter: '60' });
    const pushes = await boot({ queue: { concurrency: 2 } });
    for (const id of ['1', '2', '3', '4']) await pushes.toTopic({ topicId: '7', msg: 'hello' }, { id });
    await eventually(() => expect(mimc.requests.length).toBeGreaterThan(0));
    await pushes.toAccount(push, { id: 'account' });
    await expect(pushes.wait('account')).resolves.toMatchObject({ state: 'accepted' });
    const sameId = await errorOf(pushes.toAccount(push, { id: '1' }));
    expect(sameId.violations).toMatchObject([{ field: 'id', rule: 'sameContent' }]);
    await expect(pushes.cancel('4')).resolves.toMatchObject({ state: 'cancelled' });
    expect(mimc.topicInbox('7')).toEqual([]);
  });

  it('takes one push at most under an id, of whichever kind, in one list and at the same moment', async () => {
    const [one, other] = [await producer(), await producer()];
    const group = { topicId: '7', msg: 'hello' };
    const list = [
      { id: 'list', push },
      { id: 'list', push: group },
    ];
    await expect(errorOf(one.addAll(list))).resolves.toMatchObject({ violations: [{ rule: 'sameContent' }] });
    const ids = Array.from({ length: 30 }, (_, index) => `${index}`);
    const added = await Promise.all(
      ids.map((id) => Promise.allSettled([one.toAccount(push, { id }), other.toTopic(group, { id })])),
    );
    const taken = added.map((both) => both.filter(({ status }) => status === 'fulfilled').length);
    expect(taken.filter((count) => count > 1)).toEqual([]);
    const worker = await boot();
    await worker.toAccount(push, { id: 'last', priority: 'bulk' });
    await worker.toTopic(group, { id: 'last group', priority: 'bulk' });
    await Promise.all(['last', 'last group'].map((id) => worker.wait(id)));
    // The one of the list, those that were taken, and the last two.
    const sent = taken.reduce((sum, count) => sum + count, 0) + 3;
    await eventually(() => expect(mimc.requests.length).toBe(sent));
  });

  it('refuses other options under the same id, names them, and lets the times of the first call stand', async () => {
    const pushes = await producer();
    const sendAt = new Date(Date.now() + 3_600_000);
    await pushes.toAccount(push, { id: '1', sendAt, priority: 'bulk' });
    await expect(pushes.toAccount(push, { id: '1', sendAt: new Date() })).resolves.toMatchObject({ sendAt });
    const other = errorOf(pushes.toAccount(push, { id: '1', priority: 'interactive', delivery: 'at-least-once' }));
    const violations = (await other).violations?.map(({ field, rule }) => [field, rule]);
    expect(violations).toEqual([
      ['priority', 'sameOption'],
      ['delivery', 'sameOption'],
    ]);
    await expect(pushes.addAll([{ id: '1', push }])).resolves.toEqual({ added: 0, known: 1 });
  });

  it('splits a push that is heavier than the quota of the worker', async () => {
    const adder = await producer();
    const toAccounts = Array.from({ length: 7 }, (_, n) => `user-${n}`);
    await adder.toAccounts({ toAccounts, msg: 'hello' }, { id: '1' });
    const pushes = await boot({ mimc: { quota: { accountsPerSecond: 3 } } });
    const sent = await pushes.wait('1');
    expect(sent).toMatchObject({ state: 'accepted', receipt: { requested: 7 } });
    expect(sent.receipt).toHaveProperty('packetIds.length', 7);
    expect(mimc.requests).toHaveLength(3);
    expect(toAccounts.map((account) => mimc.count(account))).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('keeps apps on one Redis apart', async () => {
    const other = { appId: '2882303761517669999', appKey: 'other-key', appSecret: 'other-secret' };
    const theirs = await MimcEmulator.start({ credentials: other });
    const mine = await boot();
    const app = await bootQueue({
      mimc: { baseUrl: theirs.url, ...other },
      queue: { connection: queues.redis.url, prefix },
    });
    queues.closeWith(() => app.close());
    await mine.toAccount(push, { id: '1' });
    await app.pushes.toAccount({ toAccount: 'bob', msg: 'hello' }, { id: '1' });
    await mine.wait('1');
    await app.pushes.wait('1');
    expect([mimc.count('alice'), mimc.count('bob'), theirs.count('alice'), theirs.count('bob')]).toEqual([1, 0, 0, 1]);
    await theirs.close();
  });

  it('names what is wrong with a push or its id, and keeps nothing of it', async () => {
    const pushes = await producer();
    const wrong = await errorOf(pushes.toAccount(push, { id: '', sendAt: new Date(NaN), priority: 'fast' as never }));
    expect(wrong.violations?.map(({ field }) => field)).toEqual(['id', 'sendAt', 'priority']);
    const empty = await errorOf(pushes.toAccount({ toAccount: '', msg: 'hello' }, { id: '1' }));
    expect(empty.violations).toMatchObject([{ field: 'toAccount' }]);
    await expect(pushes.get('1')).resolves.toBeUndefined();
    await expect(errorOf(pushes.wait('1'))).resolves.toMatchObject({ code: 'MIMC_INVALID' });
  });
});
