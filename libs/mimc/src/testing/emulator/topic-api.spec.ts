import { afterEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from './mimc-emulator.js';
import type { MimcEmulatorOptions } from './options.js';

const emulators: MimcEmulator[] = [];

afterEach(async () => {
  for (const emulator of emulators.splice(0)) await emulator.close();
});

async function start(options: MimcEmulatorOptions = {}) {
  const emulator = await MimcEmulator.start(options);
  emulators.push(emulator);
  const { appId, appKey, appSecret } = emulator.credentials;
  const ask = async (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const reply = await fetch(emulator.url + path.replace('{appId}', appId), {
      method,
      headers: { appKey, appSecret, appAccount: 'alice', ...headers, ...(body !== undefined && JSON_BODY) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: reply.status, ...((await reply.json()) as Envelope) };
  };
  const create = async (accounts: string) => {
    const { data } = await ask('POST', '/api/topic/{appId}', {}, { topicName: 'Trip', accounts });
    return (data as { topicInfo: { topicId: string } }).topicInfo.topicId;
  };
  return { emulator, ask, create, appId };
}

const JSON_BODY = { 'content-type': 'application/json' };

interface Envelope {
  code: number;
  message: string;
  data: unknown;
}

describe('the groups of the emulator', () => {
  it('have the documented shapes', async () => {
    const { ask, create } = await start();
    const topicId = await create('bob,carol');
    const topicInfo = {
      topicId,
      ownerAccount: 'alice',
      ownerUuid: expect.stringMatching(/^\d{17}$/),
      topicName: 'Trip',
      bulletin: '',
    };
    const uuid = expect.stringMatching(/^\d{17}$/);
    expect(await ask('GET', `/api/topic/{appId}/${topicId}`)).toEqual({
      status: 200,
      code: 200,
      message: 'success',
      data: { topicInfo, members: ['alice', 'bob', 'carol'].map((account) => ({ uuid, account })) },
    });
    expect(await ask('GET', '/api/topic/{appId}/account')).toMatchObject({ data: [topicInfo] });
    expect(BigInt(topicId) % 2n).toBe(1n);
    expect(BigInt(topicId)).toBeGreaterThan(2n ** 55n);
    expect(await create('bob')).not.toBe(topicId);
  });

  it('answer the one documented error to an owner who quits, and print dissolving as documented', async () => {
    const { ask, create } = await start();
    const topicId = await create('bob');
    expect(await ask('DELETE', `/api/topic/{appId}/${topicId}/account`)).toEqual({
      status: 200,
      code: 500,
      message: 'quit topic fail',
      data: null,
    });
    const dissolved = await ask('DELETE', `/api/topic/{appId}/${topicId}`);
    expect(dissolved).toEqual({ status: 200, code: 200, message: 'success！', data: null });
  });

  it.each([
    ['another key', { appKey: 'x' }, 401],
    ['another secret', { appSecret: 'x' }, 401],
    ['no account', { appAccount: '' }, 400],
  ])('refuse %s', async (_name, headers, code) => {
    const { emulator, ask } = await start({ errorStatus: 'mirror' });
    expect(await ask('GET', '/api/topic/{appId}/account', headers)).toMatchObject({ status: code, code, data: null });
    expect(await ask('GET', '/api/topic/7/account')).toMatchObject({ code: 401 });
    expect(await ask('GET', '/api/uctopic/topics')).toMatchObject({ code: 401 });
    expect(emulator.totals).toMatchObject({ requests: 3, refused: 3 });
  });

  it.each<[string, unknown]>([
    ['no name', { accounts: 'a' }],
    ['an empty name', { topicName: '', accounts: 'a' }],
    ['accounts in a list', { topicName: 'x', accounts: ['a'] }],
    ['only commas', { topicName: 'x', accounts: ',,' }],
    ['an extra that is an object', { topicName: 'x', accounts: 'a', extra: {} }],
    ['a list', []],
  ])('are not made of %s', async (_name, body) => {
    const { ask } = await start();
    expect(await ask('POST', '/api/topic/{appId}', {}, body)).toMatchObject({ status: 200, code: 400, data: null });
    expect(await ask('GET', '/api/topic/{appId}/account')).toMatchObject({ data: [] });
  });

  it('take slashes as they come, know the methods of a path, and 404 the rest', async () => {
    const { ask, create } = await start();
    const topicId = await create('bob');
    expect(await ask('GET', `//api//topic/{appId}/${topicId}/`)).toMatchObject({ code: 200 });
    expect(await ask('PATCH', `/api/topic/{appId}/${topicId}`)).toMatchObject({
      status: 405,
      message: 'only GET, PUT, DELETE is supported',
    });
    expect(await ask('GET', '/api/topic/{appId}/word')).toMatchObject({ status: 404 });
    expect(await ask('GET', '/api/uctopic/%ZZ')).toMatchObject({ status: 404 });
  });

  it('read an account that came as Base64', async () => {
    const { ask } = await start();
    const headers = { appAccount: Buffer.from('爱丽丝').toString('base64'), appAccountEncode: 'base64' };
    const created = await ask('POST', '/api/topic/{appId}', headers, { topicName: 'x', accounts: 'bob' });
    expect(created).toMatchObject({ data: { topicInfo: { ownerAccount: '爱丽丝' } } });
  });

  it('are unlimited with their id in a header, and a member key without its n', async () => {
    const { emulator, ask, appId } = await start({ membersPerPage: 1 });
    const { data } = await ask('POST', '/api/uctopic', { appId }, { topicName: 'Live', extra: 'x' });
    const { topicId } = data as { topicId: string };
    expect(data).toEqual({ topicId, topicName: 'Live', ownerId: expect.stringMatching(/^\d{17}$/), extra: 'x' });
    emulator.joinUnlimitedTopic(topicId, 'bob');
    const headers = { appId, topicId };
    const first = await ask('GET', '/api/uctopic/userlist', { ...headers, startUuid: '0' });
    expect(first).toMatchObject({
      data: { isEnd: false, memberNum: 2, members: [{ appId, uuid: expect.any(String) }] },
    });
    expect(first.data).toHaveProperty('members.0.appAccout');
    const { startUuid } = first.data as { startUuid: string };
    expect(await ask('GET', '/api/uctopic/userlist', { ...headers, startUuid })).toMatchObject({
      data: { isEnd: true },
    });
    for (const page of ['', 'x', '9'.repeat(30)])
      expect(await ask('GET', '/api/uctopic/userlist', { ...headers, startUuid: page })).toMatchObject({ code: 400 });
    expect(await ask('GET', '/api/uctopic/onlineinfo', { appId })).toMatchObject({ code: 400 });
    expect(await ask('DELETE', '/api/uctopic', { ...headers, appAccount: 'bob' })).toMatchObject({ code: 500 });
    expect(() => emulator.joinUnlimitedTopic('1', 'bob')).toThrow(TypeError);
    expect(() => emulator.topicMembers(2 ** 60)).toThrow(TypeError);
  });

  it('change under a fault that loses only the answer, and not under one that loses the request', async () => {
    const { emulator, ask, create } = await start();
    const topicId = await create('bob');
    const path = `/api/topic/{appId}/${topicId}`;
    emulator.failNext({ kind: 'truncate', cut: 'json', accepted: false });
    await ask('DELETE', path).catch(() => undefined);
    expect(emulator.topicMembers(topicId)).toEqual(['alice', 'bob']);
    emulator.failNext({ kind: 'code', code: 500, httpStatus: 500, accepted: true });
    expect(await ask('DELETE', path)).toMatchObject({ status: 500, code: 500 });
    expect(emulator.topicMembers(topicId)).toBeUndefined();
    await create('bob');
    emulator.clear();
    expect(await ask('GET', '/api/topic/{appId}/account')).toMatchObject({ data: [] });
  });
});
