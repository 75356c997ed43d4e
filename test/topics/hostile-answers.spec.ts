import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MimcEndpoint, MimcTopicService, MimcUnlimitedTopicService } from 'nestjs-mimc';
import { type EmulatorFault, MimcEmulator } from 'nestjs-mimc/testing';
import { contradictions, json, nonsense, refusals, silences } from '../support/bad-answers.js';
import { bootPush, errorOf, formsOf, type PushApp, secrets } from '../support/push-app.js';

/** What must be in no error, whatever a server repeats. */
const hidden = [secrets.appKey, secrets.appSecret];

const id = { topicId: '51664086823862273', account: 'alice' };
const trip = { ownerAccount: 'alice', topicName: 'Trip', accounts: ['bob'] };

const first = async (members: AsyncIterable<unknown>) => {
  for await (const member of members) return member;
  return undefined;
};

const calls: Partial<Record<MimcEndpoint, (app: PushApp) => Promise<unknown>>> = {
  'account/token': ({ tokens }) => tokens.issue('alice'),
  'topic/create': ({ topics }) => topics.create(trip),
  'topic/get': ({ topics }) => topics.get(id),
  'topic/list': ({ topics }) => topics.list('alice'),
  'topic/invite': ({ topics }) => topics.invite({ ...id, accounts: ['bob'] }),
  'topic/kick': ({ topics }) => topics.kick({ ...id, accounts: ['bob'] }),
  'topic/quit': ({ topics }) => topics.quit(id),
  'topic/update': ({ topics }) => topics.update({ ...id, topicName: 'Sea' }),
  'topic/dissolve': ({ topics }) => topics.dissolve(id),
  'uctopic/create': ({ unlimited }) => unlimited.create({ ownerAccount: 'alice', topicName: 'Live' }),
  'uctopic/update': ({ unlimited }) => unlimited.update({ ...id, topicName: 'Sea' }),
  'uctopic/dissolve': ({ unlimited }) => unlimited.dissolve(id),
  'uctopic/list': ({ unlimited }) => unlimited.list('alice'),
  'uctopic/members': ({ unlimited }) => first(unlimited.members(id)),
  'uctopic/online': ({ unlimited }) => unlimited.onlineCount(id),
  'ucs/singleMsgPush': ({ push }) => push.toUnlimitedTopic({ topicId: 1, message: 'x' }),
  'ucs/multiTopicPush': ({ push }) => push.toUnlimitedTopics({ topicIds: [1], message: 'x' }),
  'ucs/multiMsgPush': ({ push }) => push.manyToUnlimitedTopic({ topicId: 1, messages: ['x'] }),
};

describe.each(Object.entries(calls))('A bad server at %s', (endpoint, call) => {
  let mimc: MimcEmulator;
  let app: PushApp;
  let impatient: PushApp;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    app = await bootPush({ baseUrl: mimc.url, quota: false });
    impatient = await bootPush({ baseUrl: mimc.url, quota: false, timeouts: { responseMs: 200 } });
  });
  afterAll(async () => {
    await Promise.all([app.close(), impatient.close()]);
    await mimc.close();
  });

  it.each([...refusals, ...contradictions, ...nonsense, ...silences])(
    'that answers %s is reported by code and outcome',
    async (_name, fault, code, outcome, more = {}) => {
      mimc.clear();
      mimc.failNext(fault);
      const error = await errorOf(call(code === 'MIMC_TIMEOUT' ? impatient : app));
      expect(error).toMatchObject({ code, outcome, endpoint, attempts: 1, ...more });
      expect(mimc.requests).toHaveLength(1);
      for (const secret of hidden) expect(formsOf(error)).not.toContain(secret);
    },
  );

  it.each(['raw', 'json', 'url'] as const)(
    'that echoes what it got (%s) gets no secret into the error',
    async (form) => {
      for (const code of [400, 401, 500]) {
        mimc.failNext({ kind: 'echo', form, code });
        const error = await errorOf(call(app));
        const seen =
          formsOf(error) + decodeURIComponent((error.apiMessage ?? '').replaceAll(/%(?![\da-f]{2})/gi, '%25'));
        for (const secret of hidden) expect(seen).not.toContain(secret);
      }
      for (const secret of hidden) expect(app.log.join('\n')).not.toContain(secret);
    },
  );

  it('that splits its answer into single bytes is understood, or refuses', async () => {
    mimc.failNext({ kind: 'split' });
    const end = await call(app).then(
      () => 200,
      (error: unknown) => (error as { apiCode?: number }).apiCode,
    );
    expect([200, 500]).toContain(end);
  });
});

const info = { topicId: id.topicId, ownerAccount: 'alice', ownerUuid: '7', topicName: 'Trip', bulletin: '' };
const group = { topicInfo: info, members: [{ account: 'alice', uuid: '7' }] };
const ok = (data: unknown): EmulatorFault => json({ code: 200, message: 'success', data });

describe('An answer about a group', () => {
  let mimc: MimcEmulator;
  let topics: MimcTopicService;
  let unlimited: MimcUnlimitedTopicService;
  let app: PushApp;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    app = await bootPush({ baseUrl: mimc.url });
    ({ topics, unlimited } = app);
  });
  afterAll(async () => {
    await app.close();
    await mimc.close();
  });

  const get = () => topics.get(id);
  const list = () => topics.list('alice');
  const mine = () => unlimited.list('alice');
  const create = () => unlimited.create({ ownerAccount: 'alice', topicName: 'Live' });
  const online = () => unlimited.onlineCount(id);
  const members = () => first(unlimited.members(id));
  const one = { uuid: '7', appAccout: 'alice' };

  it.each<[string, () => Promise<unknown>, unknown]>([
    ['is null', get, null],
    ['is a list', get, [group]],
    ['has no group', get, { members: [] }],
    ['has no members', get, { topicInfo: info }],
    ['has members in one text', get, { ...group, members: 'alice' }],
    ['has a member without an account', get, { ...group, members: [{ uuid: '7' }] }],
    ['has a member that is null', get, { ...group, members: [null] }],
    ['is about another group', get, { ...group, topicInfo: { ...info, topicId: '51664086823862275' } }],
    ['has no id', get, { ...group, topicInfo: { ...info, topicId: undefined } }],
    ['has an id that is a path', get, { ...group, topicInfo: { ...info, topicId: '../1' } }],
    ['has an id of 0', get, { ...group, topicInfo: { ...info, topicId: 0 } }],
    ['has a fraction for an id', get, { ...group, topicInfo: { ...info, topicId: 1.5 } }],
    ['has an id beyond 64 bits', get, { ...group, topicInfo: { ...info, topicId: '9223372036854775808' } }],
    ['has no owner', get, { ...group, topicInfo: { ...info, ownerAccount: null } }],
    ['has no name', get, { ...group, topicInfo: { ...info, topicName: null } }],
    ['lists nothing', list, null],
    ['lists an object', list, { 0: info }],
    ['lists one group without an id', list, [info, { ...info, topicId: '' }]],
    ['lists ids where groups should be', list, [id.topicId]],
    ['lists groups where ids should be', mine, [info]],
    ['lists an id of no group', mine, ['1', '0']],
    ['of a new one has no id', create, { topicName: 'Live' }],
    ['of a new one is the id alone', create, id.topicId],
    ['counts users of another group', online, { topicId: '1', userCnt: 1 }],
    ['counts no users', online, { topicId: id.topicId }],
    ['counts negative users', online, { topicId: id.topicId, userCnt: -1 }],
    ['counts half a user', online, { topicId: id.topicId, userCnt: 1.5 }],
    ['counts more users than there are numbers', online, { topicId: id.topicId, userCnt: '9'.repeat(400) }],
    ['has no list of members', members, { isEnd: true }],
    ['has a member without an id', members, { members: [{ appAccout: 'alice' }], isEnd: true }],
    ['has a member without a name', members, { members: [{ uuid: '7' }], isEnd: true }],
    ['does not say whether more follow', members, { members: [one], startUuid: '8' }],
    ['says so in words', members, { members: [one], isEnd: 'false', startUuid: '8' }],
    ['does not say where more begin', members, { members: [one], isEnd: false }],
    ['says to begin with a header of its own', members, { members: [one], isEnd: false, startUuid: '8\r\nx: y' }],
    ['says to begin where it began', members, { members: [one], isEnd: false, startUuid: '0' }],
    ['has nobody and more to come', members, { members: [], isEnd: false, startUuid: '8' }],
  ])('that %s is a bad response', async (_name, call, data) => {
    mimc.failNext(ok(data));
    expect(await errorOf(call())).toMatchObject({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', attempts: 1 });
  });

  it('that names a field twice is a bad response', async () => {
    const body = `{"code":200,"data":{"topicId":"1","topicId":"${id.topicId}","userCnt":1}}`;
    mimc.failNext({ kind: 'body', body });
    expect(await errorOf(online())).toMatchObject({ code: 'MIMC_BAD_RESPONSE' });
  });

  it('may have integers for ids, any message, and more fields', async () => {
    const infoText = `{"topicId":${id.topicId},"ownerUuid":21304982171287553,"ownerAccount":"alice","topicName":"","x":1}`;
    const data = `{"topicInfo":${infoText},"members":[{"account":"bob","uuid":15788717000364152}],"more":{}}`;
    mimc.failNext({ kind: 'body', body: `{"message":"success！","code":200,"data":${data}}` });
    expect(await get()).toMatchObject({
      topicInfo: { topicId: id.topicId, ownerUuid: '21304982171287553', bulletin: '' },
      members: [{ account: 'bob', uuid: '15788717000364152' }],
    });
    mimc.failNext([
      ok({ topicId: id.topicId, userCnt: '12' }),
      ok({ members: [{ uuid: 7, appAccount: 'a' }], isEnd: true }),
    ]);
    expect(await online()).toMatchObject({ count: 12 });
    expect(await members()).toEqual({ account: 'a', uuid: '7' });
  });

  it('with all members of a large group is read', async () => {
    const many = Array.from({ length: 2_000 }, (_, n) => ({
      uuid: String(20_000_000_000_000_000n + BigInt(n)),
      account: `account-${n}`,
    }));
    mimc.failNext(ok({ ...group, members: many }));
    const { members: read } = await get();
    expect([read.length, read.at(-1)]).toEqual([2_000, many.at(-1)]);
  });

  it.each([
    ['the page before', ['8', '8']],
    ['an earlier page', ['8', '9', '8']],
    ['the first page', ['8', '0']],
  ])('that leads back to %s endlessly ends in an error', async (_name, starts) => {
    mimc.clear();
    mimc.failNext(starts.map((startUuid) => ok({ members: [one], isEnd: false, startUuid })));
    const read: unknown[] = [];
    const loop = async () => {
      for await (const member of unlimited.members(id)) read.push(member);
    };
    expect(await errorOf(loop())).toMatchObject({ code: 'MIMC_BAD_RESPONSE', endpoint: 'uctopic/members' });
    expect(read).toHaveLength(starts.length - 1);
    expect(mimc.requests.map(({ headers }) => headers['startuuid'])).toEqual(['0', ...starts.slice(0, -1)]);
  });
});
