import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import {
  binaryMsg,
  getMimcPushToken,
  getMimcTokenServiceToken,
  jsonMsg,
  MimcBroadcastService,
  MimcError,
  MimcModule,
  MimcPushService,
  MimcTokenService,
  MimcTopicService,
  MimcUnlimitedTopicService,
  textMsg,
} from 'nestjs-mimc';
import {
  MimcTestingModule,
  RecordingMimcPushService,
  RecordingMimcTokenService,
  RecordingMimcTopicService,
  RecordingMimcUnlimitedTopicService,
} from 'nestjs-mimc/testing';
import { errorOf, secrets } from '../support/push-app.js';

@Injectable()
class Orders {
  constructor(private readonly push: MimcPushService) {}
  shipped(account: string) {
    return this.push.toAccount({ toAccount: account, ...textMsg('Your order is on its way') });
  }
}
@Module({ providers: [Orders] })
class OrdersModule {}

@Module({ imports: [MimcModule.forRoot({ ...secrets, isGlobal: true }), OrdersModule] })
class AppModule {}

describe('MimcTestingModule', () => {
  const boot = async () => {
    const module = await Test.createTestingModule({ imports: [MimcTestingModule.forRoot(), OrdersModule] }).compile();
    return {
      orders: module.get(Orders, { strict: false }),
      push: module.get<RecordingMimcPushService>(MimcPushService),
      broadcasts: module.get(MimcBroadcastService),
    };
  };

  it('records what the application pushes, and answers with a receipt', async () => {
    const { orders, push } = await boot();
    const receipt = await orders.shipped('alice');
    expect(receipt).toMatchObject({ packetId: 'recorded-1', attempts: 1, mayBeDuplicate: false });
    expect(push.calls).toEqual([
      { method: 'toAccount', dto: { toAccount: 'alice', msg: 'Your order is on its way', msgType: '' } },
    ]);
  });

  it('records a push that nobody awaits', async () => {
    const { orders, push } = await boot();
    const receipt = orders.shipped('alice');
    expect(push.calls).toHaveLength(1);
    await receipt;
  });

  it('fails the next push with the error that the test asks for', async () => {
    const { orders, push } = await boot();
    const error = new MimcError({ code: 'MIMC_TIMEOUT', outcome: 'unknown', message: 'no reply' });
    push.failNext(error);
    await expect(orders.shipped('alice')).rejects.toBe(error);
    await expect(orders.shipped('alice')).resolves.toHaveProperty('packetId');
    expect(push.calls).toHaveLength(2);
    push.clear();
    expect(push.calls).toEqual([]);
  });

  it('refuses what the real service refuses, and does not record it', async () => {
    const { orders, push } = await boot();
    expect(await errorOf(orders.shipped(''))).toMatchObject({
      code: 'MIMC_INVALID',
      violations: [{ field: 'toAccount' }],
    });
    expect(push.calls).toEqual([]);
  });

  it('refuses what the real service refuses for being aborted, or late', async () => {
    const { orders, push } = await boot();
    const aborted = push.toAccount({ toAccount: 'a', msg: 'm' }, { signal: AbortSignal.abort() });
    expect(await errorOf(aborted)).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    await push.beforeApplicationShutdown();
    expect(await errorOf(orders.shipped('alice'))).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    expect(push.calls).toEqual([]);
  });

  it('gives one packetId for each recipient', async () => {
    const { push } = await boot();
    const receipt = await push.toTopics({ topicIds: [1, 2n, '3'], msg: 'm' });
    expect(receipt).toMatchObject({ packetIds: ['recorded-1', 'recorded-2', 'recorded-3'], requested: 3 });
    await push.toTopic({ topicId: 1, msg: 'm' });
    await push.toAccounts({ toAccounts: ['a'], msg: 'm' }, { priority: 'bulk' });
    expect(push.calls.map(({ method }) => method)).toEqual(['toTopics', 'toTopic', 'toAccounts']);
    expect(push.calls[2]?.options).toEqual({ priority: 'bulk' });
  });

  it('records the chunks of a broadcast as the calls that they are', async () => {
    const { push, broadcasts } = await boot();
    await broadcasts.toAccounts(['a', 'b', 'c'], { msg: 'hello' }, { chunkSize: 2, retry: false }).drain();
    await broadcasts.toTopics([7n], { msg: 'hello', bizType: 'news' }).drain();
    expect(push.calls).toMatchObject([
      {
        method: 'toAccounts',
        dto: { msg: 'hello', toAccounts: ['a', 'b'] },
        options: { priority: 'bulk', retry: false },
      },
      { method: 'toAccounts', dto: { msg: 'hello', toAccounts: ['c'] }, options: { priority: 'bulk', retry: false } },
      { method: 'toTopics', dto: { msg: 'hello', bizType: 'news', topicIds: [7n] }, options: { priority: 'bulk' } },
    ]);
  });

  it('stands in for a module with a name', async () => {
    const module = await Test.createTestingModule({ imports: [MimcTestingModule.forRoot({ name: 'shop' })] }).compile();
    expect(module.get(getMimcPushToken('shop'))).toBeInstanceOf(RecordingMimcPushService);
  });

  it('or its service replaces the one of an application that imports the real module', async () => {
    const push = new RecordingMimcPushService();
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const module = await builder.overrideProvider(MimcPushService).useValue(push).compile();
    await module.get(Orders, { strict: false }).shipped('bob');
    expect(push.calls).toMatchObject([{ dto: { toAccount: 'bob' } }]);
    await module.close();
  });
});

it('records the fields of a DTO as they would be sent: getters included, without those that are not set', async () => {
  class Stored {
    toAccount = 'alice';
    msg = 'hello';
    bizType = undefined;
    get isStore() {
      return true;
    }
  }
  const push = new RecordingMimcPushService({ fromAccount: undefined });
  await push.toAccount(new Stored());
  expect(push.calls[0]?.dto).toStrictEqual({ toAccount: 'alice', msg: 'hello', isStore: true });
});

describe('message helpers', () => {
  it('make payloads of text, JSON and bytes', () => {
    expect(textMsg('hello')).toEqual({ msg: 'hello', msgType: '' });
    expect(jsonMsg({ a: [1, null] })).toEqual({ msg: '{"a":[1,null]}', msgType: '' });
    expect(binaryMsg(new Uint8Array([1, 2, 255]).subarray(1))).toEqual({ msg: 'Av8=', msgType: 'base64' });
    expect(binaryMsg(Buffer.from('hi'))).toEqual({ msg: 'aGk=', msgType: 'base64' });
  });

  it.each([undefined, () => 1, 1n])('refuse a value that cannot be serialized', (value) => {
    expect(() => jsonMsg(value)).toThrow(/cannot be serialized|BigInt/);
  });
});

describe('the token service of MimcTestingModule', () => {
  const boot = async (name?: string) => {
    const module = await Test.createTestingModule({ imports: [MimcTestingModule.forRoot({ name })] }).compile();
    const tokens = module.get<RecordingMimcTokenService>(getMimcTokenServiceToken(name));
    return { module, tokens, push: module.get<RecordingMimcPushService>(getMimcPushToken(name)) };
  };

  it('records who got a token, and makes one up', async () => {
    const { tokens, push } = await boot();
    expect(tokens).toBeInstanceOf(MimcTokenService);
    const issued = await tokens.issue('alice', { regionKey: 'REGION_CN' });
    expect(issued).toMatchObject({ token: 'recorded-token:alice', userId: 'recorded:alice', attempts: 1 });
    expect(JSON.parse(issued.envelope)).toMatchObject({
      code: 200,
      data: { appAccount: 'alice', token: issued.token },
    });
    expect(tokens.calls).toEqual([{ appAccount: 'alice', options: { regionKey: 'REGION_CN' } }]);
    void tokens.issue('bob');
    expect(tokens.calls.map(({ appAccount }) => appAccount)).toEqual(['alice', 'bob']);
    expect(push.calls).toEqual([]);
  });

  it('fails as a test asks it to, whatever pushes do, and refuses what the real one refuses', async () => {
    const { module, tokens, push } = await boot('other');
    const error = new MimcError({ code: 'MIMC_TIMEOUT', outcome: 'unknown', message: 'no reply' });
    push.failNext(new MimcError({ code: 'MIMC_CONNECT', outcome: 'not-sent', message: 'of a push' }));
    tokens.failNext(error);
    await expect(tokens.issue('alice')).rejects.toBe(error);
    expect(await errorOf(tokens.issue('a\nb'))).toMatchObject({ code: 'MIMC_INVALID' });
    expect(await errorOf(tokens.issue('bob', { signal: AbortSignal.abort() }))).toMatchObject({ code: 'MIMC_ABORTED' });
    expect(tokens.calls.map(({ appAccount }) => appAccount)).toEqual(['alice']);
    tokens.clear();
    await module.close();
    expect(await errorOf(tokens.issue('alice'))).toMatchObject({ code: 'MIMC_CLOSED' });
    expect(tokens.calls).toEqual([]);
  });
});

describe('The recording services for groups', () => {
  const boot = async () => {
    const module = await Test.createTestingModule({ imports: [MimcTestingModule.forRoot()] }).compile();
    return {
      push: module.get<RecordingMimcPushService>(MimcPushService),
      topics: module.get<RecordingMimcTopicService>(MimcTopicService),
      unlimited: module.get<RecordingMimcUnlimitedTopicService>(MimcUnlimitedTopicService),
    };
  };
  const id = { topicId: '9007199254740995', account: 'alice, the owner' };

  it('answer with a group made up of the request', async () => {
    const { topics, push } = await boot();
    const trip = { ownerAccount: 'Zoë', topicName: 'Trip', accounts: ['bob'], extra: 'x' };
    const { topicInfo, members } = await topics.create(trip);
    expect(topicInfo).toEqual({
      topicId: '9007199254740995',
      topicName: 'Trip',
      ownerAccount: 'Zoë',
      bulletin: '',
      extra: 'x',
    });
    expect(members).toEqual([{ account: 'Zoë' }, { account: 'bob' }]);
    expect(await topics.get(id)).toMatchObject({ topicInfo: { topicId: id.topicId, ownerAccount: id.account } });
    expect(await topics.list('alice')).toMatchObject({ topics: [] });
    expect((await topics.invite({ ...id, accounts: ['bob'] })).members).toHaveLength(2);
    expect((await topics.kick({ ...id, accounts: ['7'] })).topicInfo.topicId).toBe(id.topicId);
    expect((await topics.update({ ...id, bulletin: 'b' })).topicInfo.bulletin).toBe('b');
    expect((await topics.transfer({ ...id, ownerAccount: 'bob' })).topicInfo.ownerAccount).toBe('bob');
    await topics.quit(id);
    await topics.dissolve(id, { deadlineMs: 7 });
    expect(topics.calls.map(({ method }) => method)).toEqual([
      'create',
      'get',
      'list',
      'invite',
      'kick',
      'update',
      'transfer',
      'quit',
      'dissolve',
    ]);
    expect(topics.calls[0]).toEqual({ method: 'create', dto: trip });
    expect(topics.calls.at(-1)).toEqual({ method: 'dissolve', dto: id, options: { deadlineMs: 7 } });
    trip.accounts.push('mallory');
    expect(topics.calls[0]).toMatchObject({ dto: { accounts: ['bob'] } });
    expect(push.calls).toEqual([]);
  });

  it('answer with an unlimited group of one member', async () => {
    const { unlimited } = await boot();
    const group = await unlimited.create({ ownerAccount: 'alice', topicName: 'Live' });
    const { topicId } = group;
    const members: string[] = [];
    for await (const { account } of unlimited.members({ topicId, account: 'alice' })) members.push(account);
    expect(members).toEqual(['alice']);
    expect(await unlimited.onlineCount({ topicId, account: 'alice' })).toMatchObject({ count: 1 });
    expect(await unlimited.list('alice')).toMatchObject({ topicIds: [] });
    await unlimited.update({ topicId, account: 'alice', topicName: 'Later' });
    await unlimited.dissolve({ topicId, account: 'alice' });
    expect(unlimited.calls.map(({ method }) => method)).toEqual([
      'create',
      'members',
      'onlineCount',
      'list',
      'update',
      'dissolve',
    ]);
  });

  it('refuse what the real ones refuse, fail when a test says so, and forget', async () => {
    const { topics, unlimited, push } = await boot();
    expect(await errorOf(topics.list(''))).toMatchObject({ code: 'MIMC_INVALID' });
    expect(await errorOf(topics.list('a', { signal: AbortSignal.abort() }))).toMatchObject({ code: 'MIMC_ABORTED' });
    expect(topics.calls).toEqual([]);
    const error = new MimcError({ code: 'MIMC_TIMEOUT', outcome: 'unknown', message: 'no reply' });
    topics.failNext(error);
    unlimited.failNext(error);
    await expect(topics.list('alice')).rejects.toBe(error);
    await expect(unlimited.members(id).next()).rejects.toBe(error);
    topics.clear();
    unlimited.clear();
    expect([topics.calls, unlimited.calls]).toEqual([[], []]);
    await push.beforeApplicationShutdown();
    expect(await errorOf(unlimited.list('alice'))).toMatchObject({ code: 'MIMC_CLOSED' });
  });

  it('record pushes to unlimited groups as the calls that they are', async () => {
    const { push } = await boot();
    await push.toUnlimitedTopic({ topicId: 1, message: 'x' });
    await push.toUnlimitedTopics({ topicIds: [1, 2], message: 'x' });
    expect(await push.manyToUnlimitedTopic({ topicId: 1, messages: ['x', 'y'] })).toMatchObject({ requested: 2 });
    expect(push.calls).toEqual([
      { method: 'toUnlimitedTopic', dto: { topicId: 1, message: 'x' } },
      { method: 'toUnlimitedTopics', dto: { topicIds: [1, 2], message: 'x' } },
      { method: 'manyToUnlimitedTopic', dto: { topicId: 1, messages: ['x', 'y'] } },
    ]);
  });
});
