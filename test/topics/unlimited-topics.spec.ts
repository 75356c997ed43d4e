import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  getMimcUnlimitedTopicToken,
  MimcModule,
  type MimcModuleOptions,
  type MimcUnlimitedTopicService,
} from 'nestjs-mimc';
import { MimcEmulator, type MimcEmulatorOptions } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf } from '../support/push-app.js';

const live = { ownerAccount: 'alice', topicName: 'Live' };

describe('An unlimited group', () => {
  let mimc: MimcEmulator;
  const closes: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closes.splice(0).toReversed()) await close();
  });

  async function boot(options: Partial<MimcModuleOptions> = {}, emulator: MimcEmulatorOptions = {}) {
    mimc = await MimcEmulator.start(emulator);
    closes.push(() => mimc.close());
    const app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });
    closes.push(() => app.close());
    return app;
  }

  const namesOf = async (members: AsyncIterable<{ account: string }>) => {
    const names: string[] = [];
    for await (const { account } of members) names.push(account);
    return names;
  };

  it.each(['text', 'number'] as const)('lives its whole life, with its id in a header (ids as %s)', async (idForm) => {
    const { unlimited } = await boot({}, { idForm });
    const { topicId, ...receipt } = await unlimited.create({ ...live, extra: 'x' });
    expect(Object.keys(receipt)).toEqual(['callId', 'attempts', 'timing', 'mayBeDuplicate']);
    expect(String(Number(topicId))).not.toBe(topicId);
    const { appId, appKey, appSecret } = mimc.credentials;
    const headers = { appid: appId, appkey: appKey, appsecret: appSecret, appaccount: 'alice' };
    expect(mimc.requests.at(-1)).toMatchObject({ method: 'POST', path: '/api/uctopic', headers });
    expect(mimc.requests.at(-1)?.body).toEqual({ topicName: 'Live', extra: 'x' });
    mimc.joinUnlimitedTopic(topicId, 'bob');
    expect(await unlimited.list('bob')).toMatchObject({ topicIds: [topicId], attempts: 1 });
    expect(mimc.requests.at(-1)).toMatchObject({ method: 'GET', path: '/api/uctopic/topics' });
    const group = { topicId, account: 'alice' };
    expect(await unlimited.onlineCount(group)).toMatchObject({ count: 2 });
    expect(mimc.requests.at(-1)).toMatchObject({
      path: '/api/uctopic/onlineinfo',
      headers: { ...headers, topicid: topicId },
    });
    expect(mimc.requests.at(-1)?.headers).not.toHaveProperty('content-type');
    await unlimited.update({ ...group, topicName: 'Later', ownerAccount: 'bob' });
    expect(mimc.requests.at(-1)).toMatchObject({
      path: '/api/uctopic/update',
      body: { topicId, topicName: 'Later', ownerAccount: 'bob' },
    });
    expect(await errorOf(unlimited.dissolve(group))).toMatchObject({ apiCode: 500, outcome: 'refused' });
    mimc.leaveUnlimitedTopic(topicId, 'alice');
    expect(mimc.topicMembers(topicId)).toEqual(['bob']);
    await unlimited.dissolve({ topicId, account: 'bob' });
    expect(mimc.requests.at(-1)).toMatchObject({
      method: 'DELETE',
      path: '/api/uctopic',
      headers: { topicid: topicId },
    });
    expect(mimc.topicMembers(topicId)).toBeUndefined();
    expect(await errorOf(unlimited.onlineCount(group))).toMatchObject({ apiCode: 500 });
  });

  it('is not an ordinary one', async () => {
    const { unlimited, topics } = await boot();
    const { topicId } = await unlimited.create(live);
    expect(await errorOf(topics.get({ topicId, account: 'alice' }))).toMatchObject({ apiCode: 500 });
    const { topicInfo } = await topics.create({ ownerAccount: 'alice', topicName: 'Trip', accounts: ['bob'] });
    const ordinary = { topicId: topicInfo.topicId, account: 'alice' };
    expect(await errorOf(unlimited.onlineCount(ordinary))).toMatchObject({ apiCode: 500 });
    expect((await topics.list('alice')).topics).toHaveLength(1);
    expect((await unlimited.list('alice')).topicIds).toEqual([topicId]);
  });

  it.each([1, 4, 10, 11, 100])('is read page by page, each member once, %i on a page', async (membersPerPage) => {
    const { unlimited } = await boot({}, { membersPerPage });
    const { topicId } = await unlimited.create(live);
    const others = Array.from({ length: 10 }, (_, n) => `用户 ${n}`);
    for (const account of others) mimc.joinUnlimitedTopic(topicId, account);
    const names = await namesOf(unlimited.members({ topicId, account: '用户 0' }));
    expect(names.toSorted()).toEqual(['alice', ...others].toSorted());
    expect(mimc.requests).toHaveLength(1 + Math.ceil(11 / membersPerPage));
  });

  it('is read no further than its loop goes', async () => {
    const { unlimited } = await boot({}, { membersPerPage: 1 });
    const { topicId } = await unlimited.create(live);
    for (const account of ['bob', 'carol', 'dave']) mimc.joinUnlimitedTopic(topicId, account);
    const before = mimc.requests.length;
    for await (const { uuid } of unlimited.members({ topicId, account: 'alice' })) {
      expect(uuid).toMatch(/^\d{17}$/);
      if (mimc.requests.length - before === 2) break;
    }
    expect(mimc.requests.length - before).toBe(2);
  });

  it('is read again where an attempt failed, without members twice', async () => {
    const { unlimited } = await boot({ retry: { baseDelayMs: 1 } }, { membersPerPage: 2 });
    const { topicId } = await unlimited.create(live);
    for (const account of ['bob', 'carol', 'dave']) mimc.joinUnlimitedTopic(topicId, account);
    mimc.failNext([{ kind: 'truncate', cut: 'json' }, { kind: 'close-idle' }, { kind: 'reset', when: 'after-read' }]);
    const names = await namesOf(unlimited.members({ topicId, account: 'alice' }));
    expect(names.toSorted()).toEqual(['alice', 'bob', 'carol', 'dave']);
  });

  it('is read to a signal, between pages and within one, and to the shutdown', async () => {
    const { unlimited, push } = await boot({}, { membersPerPage: 1 });
    const { topicId } = await unlimited.create(live);
    mimc.joinUnlimitedTopic(topicId, 'bob');
    const group = { topicId, account: 'alice' };
    const between = new AbortController();
    const loop = async (signal?: AbortSignal) => {
      for await (const _ of unlimited.members(group, { signal })) between.abort();
    };
    expect(await errorOf(loop(between.signal))).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    const within = new AbortController();
    mimc.failNext({ kind: 'hang' });
    const before = mimc.requests.length;
    const hanging = errorOf(loop(within.signal));
    await eventually(() => expect(mimc.requests.length).toBe(before + 1));
    within.abort();
    expect(await hanging).toMatchObject({ code: 'MIMC_ABORTED', endpoint: 'uctopic/members' });
    const closing = async () => {
      for await (const _ of unlimited.members(group)) await push.close();
    };
    expect(await errorOf(closing())).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
  });

  it('is the one that was asked for, whatever becomes of the DTO and the options meanwhile', async () => {
    const { unlimited } = await boot({}, { membersPerPage: 1 });
    const [{ topicId }, other] = [await unlimited.create(live), await unlimited.create(live)];
    mimc.joinUnlimitedTopic(topicId, 'bob');
    const dto = { topicId, account: 'alice' };
    const options: Record<string, unknown> = { deadlineMs: 5_000 };
    const names: string[] = [];
    for await (const { account } of unlimited.members(dto, options)) {
      names.push(account);
      Object.assign(dto, { topicId: other.topicId });
      Object.assign(options, { deadlineMs: 'soon' });
    }
    expect(names.toSorted()).toEqual(['alice', 'bob']);
    expect(mimc.requests.slice(-2).map(({ headers }) => headers['topicid'])).toEqual([topicId, topicId]);
  });

  it.each<[string, (service: MimcUnlimitedTopicService) => Promise<unknown>, string]>([
    ['no name', (u) => u.create({ ownerAccount: 'a' } as never), 'topicName'],
    ['members, who only join by themselves', (u) => u.create({ ...live, accounts: ['b'] } as never), 'accounts'],
    ['an update of nothing', (u) => u.update({ topicId: 1, account: 'a' }), ''],
    [
      'a new owner with a line feed',
      (u) => u.update({ topicId: 1, account: 'a', ownerAccount: 'b\n' }),
      'ownerAccount',
    ],
    ['an id with a line feed', (u) => u.dissolve({ topicId: '1\nx: y', account: 'a' }), 'topicId'],
    ['no account', (u) => u.onlineCount({ topicId: 1 } as never), 'account'],
    ['no account to list for', (u) => u.list(undefined as never), 'account'],
    ['a wrong id of which to read members', (u) => u.members({ topicId: 'x', account: 'a' }).next(), 'topicId'],
    [
      'a wrong option',
      (u) => u.members({ topicId: 1, account: 'a' }, { signal: {} as never }).next(),
      'options.signal',
    ],
  ])('is refused for %s, naming the field and sending nothing', async (_name, act, field) => {
    const { unlimited } = await boot();
    const error = await errorOf(act(unlimited));
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(error.violations?.[0]?.field).toBe(field);
    expect(mimc.requests).toHaveLength(0);
  });

  it('is not changed twice, whose outcome is unknown when its answer is lost', async () => {
    const { unlimited } = await boot({ retry: { baseDelayMs: 1, delivery: 'at-least-once' } });
    const { topicId } = await unlimited.create(live);
    const group = { topicId, account: 'alice' };
    const changes = [
      () => unlimited.create(live),
      () => unlimited.update({ ...group, topicName: 'x' }),
      () => unlimited.dissolve(group),
    ];
    for (const change of changes) {
      mimc.failNext({ kind: 'reset', when: 'after-read' });
      expect(await errorOf(change())).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown', attempts: 1 });
    }
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    expect(await unlimited.list('alice')).toMatchObject({ attempts: 2 });
  });

  it('is handled by the module whose name is asked for', async () => {
    mimc = await MimcEmulator.start();
    closes.push(() => mimc.close());
    const options = { ...mimc.credentials, baseUrl: mimc.url, name: 'other' };
    const module = await Test.createTestingModule({ imports: [MimcModule.forRoot(options)] }).compile();
    closes.push(() => module.close());
    const named: MimcUnlimitedTopicService = module.get(getMimcUnlimitedTopicToken('other'));
    expect(await named.create(live)).toHaveProperty('topicId');
  });
});
