import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SampleApp, startDemo } from '../support/sample-app.js';

describe('sample API, observed', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  afterAll(() => sample.close());

  const metrics = () => sample.get('/metrics').auth('demo-key', { type: 'bearer' });

  it('asks for the API key at /metrics', async () => {
    const { status, headers } = await sample.get('/metrics');
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer/);
  });

  it('serves Prometheus text with what became of the pushes, and with its quotas', async () => {
    await sample.post('/push/p2p/more', { toAccounts: ['alice', 'bob'], msg: 'hello' }).expect(202);
    sample.emulator.failNext({ kind: 'code', code: 500, message: 'push fail' });
    await sample.post('/push/p2t', { topicId: '7', msg: 'hello' }).expect(502);
    sample.emulator.failNext({ kind: 'code', code: 429, retryAfter: '0' });
    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(202);

    const { text } = await metrics()
      .expect(200)
      .expect('Content-Type', /^text\/plain/);
    for (const line of [
      '# TYPE mimc_call_duration histogram',
      'mimc_recipients_total{mimc_endpoint="p2p/more",mimc_outcome="accepted"} 2',
      'mimc_recipients_total{mimc_endpoint="p2t",mimc_outcome="refused"} 1',
      'mimc_call_duration_count{mimc_endpoint="p2t",mimc_outcome="refused",mimc_code="MIMC_API"} 1',
      'mimc_call_duration_count{mimc_endpoint="p2p",mimc_outcome="accepted",mimc_code="OK"} 1',
      'mimc_retries_total{mimc_endpoint="p2p",mimc_code="MIMC_RATE_LIMITED"} 1',
      'mimc_throttled_total{mimc_endpoint="p2p",mimc_bucket="accounts"} 1',
      'mimc_queue_depth{mimc_bucket="accounts"} 0',
      'mimc_quota_utilization{mimc_bucket="topics"} 0.05',
      'mimc_penalty_remaining{mimc_bucket="topics"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(
      text.split('\n').filter((line) => !/^(# (HELP|TYPE|UNIT) \w+ .+|\w+(\{.*\})? [\d.e+-]+|)$/.test(line)),
    ).toEqual([]);
  });

  it('names no recipient, content or credential there', async () => {
    sample.emulator.failNext([{ kind: 'echo' }, { kind: 'echo', code: 401 }]);
    const push = { toAccount: 'alice-of-the-tests', msg: 'nobody else may read this' };
    await sample.post('/push/p2p', push).expect(400);
    await sample.post('/push/p2p', push).expect(502);

    const { text } = await metrics().expect(200);
    const { appId, appKey, appSecret } = sample.emulator.credentials;
    for (const value of [push.toAccount, push.msg, appId, appKey, appSecret]) expect(text).not.toContain(value);
  });

  it('is not ready while MIMC refuses its credentials, and is again once MIMC takes a push', async () => {
    sample.emulator.failNext({ kind: 'code', code: 401 });
    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(502);
    const refused = await sample.get('/health/ready').expect(503);
    expect(refused.body).toMatchObject({
      status: 'error',
      error: { mimc: { message: 'MIMC refuses the credentials' } },
    });
    await sample.get('/health/live').expect(200);

    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(202);
    const { body } = await sample
      .get('/health/ready')
      .expect(200)
      .expect('Cache-Control', /no-store/);
    expect(body).toMatchObject({ status: 'ok', info: { server: { status: 'up' }, mimc: { status: 'up' } } });
  });
});
