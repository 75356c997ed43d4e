import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { MimcErrorCode, MimcPushService } from 'nestjs-mimc';
import { type EmulatorFault, MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, type PushApp, secrets } from '../support/push-app.js';

const id = '51664086823862273';

describe('A push to unlimited groups', () => {
  let mimc: MimcEmulator;
  let app: PushApp;
  let push: MimcPushService;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    app = await bootPush({ baseUrl: mimc.url, quota: { unlimitedTopicsPerSecond: 5 } });
    ({ push } = app);
  });
  afterEach(() => mimc.clear());
  afterAll(async () => {
    await app.close();
    await mimc.close();
  });

  it('goes to one, with its text in `message` and its id as an integer', async () => {
    const { packetId } = await push.toUnlimitedTopic({ topicId: id, message: '你好', bizType: 'TEXT', isStore: false });
    const [request] = mimc.requests;
    expect(request?.path).toBe('/api/push/ucs/singleMsgPush/');
    expect(request?.body).toEqual({
      ...secrets,
      fromAccount: 'server',
      fromResource: 'server',
      topicId: BigInt(id),
      message: '你好',
      isStore: false,
      bizType: 'TEXT',
    });
    expect(mimc.unlimitedTopicInbox(id)).toMatchObject([
      { packetId, to: id, text: '你好', endpoint: 'ucs/singleMsgPush' },
    ]);
    expect(mimc.topicCount(id)).toBe(0);
  });

  it('goes to many', async () => {
    const receipt = await push.toUnlimitedTopics({ topicIds: [7n, '8', 9], message: 'aGk=', msgType: 'base64' });
    expect(receipt).toMatchObject({
      requested: 3,
      packetIds: [expect.any(String), expect.any(String), expect.any(String)],
    });
    expect(mimc.requests[0]).toMatchObject({ path: '/api/push/ucs/multiTopicPush/', body: { topicIds: [7, 8, 9] } });
    expect([7, 8, 9].map((topic) => mimc.unlimitedTopicInbox(topic)[0]?.payload.toString())).toEqual([
      'hi',
      'hi',
      'hi',
    ]);
  });

  it('carries many messages to one, in their order', async () => {
    const receipt = await push.manyToUnlimitedTopic({ topicId: id, messages: ['a', 'b', 'c'] });
    expect(mimc.requests[0]).toMatchObject({
      path: '/api/push/ucs/multiMsgPush/',
      body: { messages: ['a', 'b', 'c'], topicId: BigInt(id) },
    });
    const inbox = mimc.unlimitedTopicInbox(id);
    expect(inbox.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(receipt).toMatchObject({ requested: 3, packetIds: inbox.map(({ packetId }) => packetId) });
  });

  it('draws on a quota of its own, by groups and by messages', async () => {
    await Promise.all([
      push.manyToUnlimitedTopic({ topicId: id, messages: ['1', '2', '3'] }),
      push.toUnlimitedTopics({ topicIds: [1, 2, 3], message: 'x' }),
      push.toUnlimitedTopic({ topicId: 4, message: 'x' }),
      push.toTopic({ topicId: 5, msg: 'x' }),
    ]);
    expect(mimc.worstWindow.unlimitedTopics).toBeLessThanOrEqual(5);
    expect(mimc.totals).toMatchObject({ unlimitedTopicsDelivered: 7, topicsDelivered: 1 });
    const { unlimitedTopics, topics } = push.status();
    expect([unlimitedTopics.unitsPerSecond, topics.unitsPerSecond]).toEqual([5, 20]);
    mimc.failNext({ kind: 'code', code: 429 });
    await errorOf(push.toUnlimitedTopic({ topicId: 4, message: 'x' }));
    expect(push.status().unlimitedTopics.resumesInMs).toBeGreaterThan(0);
    expect(push.status().topics.resumesInMs).toBe(0);
    expect(app.log.join('\n')).toContain('unlimited topics');
    await eventually(() => expect(push.status().unlimitedTopics.resumesInMs).toBe(0));
  });

  it.each<[string, () => Promise<unknown>, string, string]>([
    ['no message', () => push.toUnlimitedTopic({ topicId: id } as never), 'message', 'isString'],
    ['an empty message', () => push.toUnlimitedTopic({ topicId: id, message: '' }), 'message', 'isNotEmpty'],
    [
      'the field of other pushes',
      () => push.toUnlimitedTopic({ topicId: id, message: 'x', msg: 'x' } as never),
      'msg',
      'whitelistValidation',
    ],
    [
      'what is not Base64',
      () => push.toUnlimitedTopic({ topicId: id, message: '?', msgType: 'base64' }),
      'message',
      'isBase64',
    ],
    [
      'a long message',
      () => push.toUnlimitedTopic({ topicId: id, message: 'x'.repeat(10_241) }),
      'message',
      'maxMsgBytes',
    ],
    ['a wrong id', () => push.toUnlimitedTopics({ topicIds: ['1', '0'], message: 'x' }), 'topicIds[1]', 'isTopicId'],
    [
      'more groups than the quota',
      () => push.toUnlimitedTopics({ topicIds: [1, 2, 3, 4, 5, 6], message: 'x' }),
      'topicIds',
      'quota',
    ],
    ['no messages', () => push.manyToUnlimitedTopic({ topicId: id, messages: [] }), 'messages', 'arrayMinSize'],
    [
      'an empty one among them',
      () => push.manyToUnlimitedTopic({ topicId: id, messages: ['a', ''] }),
      'messages[1]',
      'isNotEmpty',
    ],
    [
      'a hole among them',
      () => push.manyToUnlimitedTopic({ topicId: id, messages: Array<string>(2) }),
      'messages[0]',
      'isNotEmpty',
    ],
    [
      'a long one among them',
      () => push.manyToUnlimitedTopic({ topicId: id, messages: ['a', 'x'.repeat(10_241)] }),
      'messages[1]',
      'maxMsgBytes',
    ],
    [
      'one that is not Base64',
      () => push.manyToUnlimitedTopic({ topicId: id, messages: ['aGk=', '?'], msgType: 'base64' }),
      'messages[1]',
      'isBase64',
    ],
    [
      'more messages than the quota',
      () => push.manyToUnlimitedTopic({ topicId: id, messages: ['1', '2', '3', '4', '5', '6'] }),
      'messages',
      'quota',
    ],
  ])('is refused for %s, naming the field and sending nothing', async (_name, send, field, rule) => {
    const error = await errorOf(send());
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(error.violations).toContainEqual(expect.objectContaining({ field, rule }));
    expect(mimc.requests).toHaveLength(0);
  });

  const sends = {
    one: () => push.toUnlimitedTopic({ topicId: id, message: 'x' }),
    groups: () => push.toUnlimitedTopics({ topicIds: [id], message: 'x' }),
    messages: () => push.manyToUnlimitedTopic({ topicId: id, messages: ['x'] }),
  };
  const answer = (data: unknown): EmulatorFault => ({ kind: 'body', body: JSON.stringify({ code: 200, data }) });

  it.each(Object.entries(sends))(
    'takes either form of packet ids for %s, as neither is documented',
    async (_name, send) => {
      mimc.failNext([answer({ packetId: 'p' }), answer({ packetIds: ['p'] })]);
      const receipts = [await send(), await send()];
      for (const receipt of receipts) expect(Object.values(receipt).flat()).toContain('p');
    },
  );

  it.each(
    Object.entries(sends).flatMap(([name, send]) => [
      [name, 'no data', send, answer(null), 'MIMC_BAD_RESPONSE', 'unknown'] as const,
      [name, 'no ids', send, answer({ packetIds: [] }), 'MIMC_BAD_RESPONSE', 'unknown'] as const,
      [
        name,
        'half an answer',
        send,
        { kind: 'truncate', cut: 'json' } as const,
        'MIMC_BAD_RESPONSE',
        'unknown',
      ] as const,
      [name, 'a lost answer', send, { kind: 'reset', when: 'after-read' } as const, 'MIMC_RESET', 'unknown'] as const,
      [name, 'a refusal', send, { kind: 'echo', code: 500 } as const, 'MIMC_API', 'refused'] as const,
      [name, 'an error page', send, { kind: 'html', status: 502 } as const, 'MIMC_HTTP', 'unknown'] as const,
    ]),
  )(
    'of %s that meets %s is reported by code and outcome',
    async (_name, _fault, send, fault, code: MimcErrorCode, outcome) => {
      mimc.failNext(fault);
      const error = await errorOf(send());
      expect(error).toMatchObject({ code, outcome, attempts: 1 });
      expect(error.endpoint).toMatch(/^ucs\//);
      expect(error.message).not.toContain(secrets.appSecret);
    },
  );

  it('can be refused to a group that is not there, or whose sender is not a member', async () => {
    const strict = await MimcEmulator.start({ credentials: secrets, topics: [], topicSenders: 'members' });
    const own = await bootPush({ baseUrl: strict.url });
    const { topicId } = await own.unlimited.create({ ownerAccount: 'alice', topicName: 'Live' });
    await own.push.toUnlimitedTopic({ topicId, fromAccount: 'alice', message: 'x' });
    for (const [topic, fromAccount] of [
      [topicId, 'mallory'],
      ['1', 'alice'],
    ] as const) {
      const refused = await errorOf(own.push.toUnlimitedTopic({ topicId: topic, fromAccount, message: 'x' }));
      expect(refused).toMatchObject({ apiCode: 500, apiMessage: 'push to topic fail' });
    }
    expect(await errorOf(own.push.toTopic({ topicId, fromAccount: 'alice', msg: 'x' }))).toMatchObject({
      apiCode: 500,
    });
    await own.close();
    await strict.close();
  });
});
