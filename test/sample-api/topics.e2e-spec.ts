import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { SampleApp, startDemo } from '../support/sample-app.js';

describe('a group of the sample API', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(() => sample.close());

  const login = async (account: string): Promise<string> => {
    const answer = await sample.post('/sessions', { account }).expect(201);
    return (answer.body as { session: string }).session;
  };
  const create = async (account: string, body: object) =>
    request(sample.url)
      .post('/topics')
      .auth(await login(account), { type: 'bearer' })
      .send(body);
  const list = async (account: string) =>
    request(sample.url)
      .get('/topics')
      .auth(await login(account), { type: 'bearer' });

  it('is owned by the user of the session, and listed for its members', async () => {
    const created = await create('alice', { topicName: 'Trip', accounts: ['bob'] });
    expect(created).toMatchObject({
      status: 201,
      body: { topicName: 'Trip', ownerAccount: 'alice', members: ['alice', 'bob'] },
    });
    const { members: _, ...topic } = created.body as { topicId: string; members: string[] };
    expect(sample.emulator.topicMembers(topic.topicId)).toEqual(['alice', 'bob']);
    expect((await list('bob')).body).toEqual([topic]);
    expect((await list('carol')).body).toEqual([]);
  });

  it('cannot be created in the name of somebody else, nor with a comma in an account', async () => {
    const forged = await create('alice', { topicName: 'Trip', accounts: ['bob'], ownerAccount: 'mallory' });
    expect(forged).toMatchObject({ status: 400, body: { violations: [{ field: 'ownerAccount' }] } });
    const joined = await create('alice', { topicName: 'Trip', accounts: ['bob', 'a,b'] });
    expect(joined).toMatchObject({ status: 400, body: { violations: [{ field: 'accounts[1]' }] } });
    expect(sample.emulator.requests).toHaveLength(0);
  });

  it('needs a session: neither none nor the API key will do', async () => {
    await request(sample.url).get('/topics').expect(401).expect('WWW-Authenticate', 'Bearer realm="sample-api"');
    await sample.post('/topics', { topicName: 'Trip', accounts: ['bob'] }).expect(401);
    expect(sample.emulator.requests).toHaveLength(0);
  });

  it('that MIMC refuses is an error as of a push', async () => {
    sample.emulator.failNext({ kind: 'code', code: 500, message: 'create topic fail' });
    const refused = await create('alice', { topicName: 'Trip', accounts: ['bob'] });
    expect(refused).toMatchObject({ status: 502, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 500 } });
  });
});
