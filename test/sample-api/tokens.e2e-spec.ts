import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { SampleApp, startDemo } from '../support/sample-app.js';

describe('a token of the sample API', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(() => sample.close());

  const login = async (account: string): Promise<string> => {
    const answer = await sample.post('/sessions', { account }).expect(201).expect('Cache-Control', 'no-store');
    return (answer.body as { session: string }).session;
  };
  const ask = (session: string) => request(sample.url).post('/tokens').auth(session, { type: 'bearer' });

  it('is issued for the user of the session, whatever the request says, and is not to be stored', async () => {
    const answer = await ask(await login('alice'))
      .send({ account: 'mallory', appAccount: 'mallory' })
      .expect(200);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.body).toMatchObject({ code: 200, message: 'success', data: { appAccount: 'alice' } });
    expect(sample.emulator.requests).toHaveLength(1);
  });

  it('needs a session: neither none, nor another, nor the API key will do', async () => {
    await request(sample.url).post('/tokens').expect(401).expect('WWW-Authenticate', 'Bearer realm="sample-api"');
    await ask('demo-key').expect(401);
    await ask(`${await login('alice')}x`).expect(401);
    await request(sample.url).post('/sessions').send({ account: 'alice' }).expect(401);
    expect(sample.emulator.requests).toHaveLength(0);
  });

  it('that MIMC refuses is an error as of a push, not to be stored either', async () => {
    const session = await login('alice');
    sample.emulator.failNext({ kind: 'code', code: 403, message: 'token fail' });
    const answer = await ask(session).expect(403).expect('Cache-Control', 'no-store');
    expect(answer.body).toMatchObject({ code: 'MIMC_API', outcome: 'refused', apiCode: 403 });
    await sample.post('/sessions', { account: '' }).expect(400);
    await sample.post('/sessions', { account: 'alice\n' }).expect(400);
  });
});
