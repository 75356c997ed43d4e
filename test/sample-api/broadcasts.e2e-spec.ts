import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { eventually } from '../support/eventually.js';
import { type SampleApp, startDemo } from '../support/sample-app.js';

const HUNDRED = Array.from({ length: 100 }, (_, index) => `user-${index}`);

describe('broadcasts of the sample API', () => {
  let sample: SampleApp;

  beforeEach(async () => {
    sample = await startDemo();
  });
  afterEach(() => sample.close());

  const get = (id: string) => sample.get(`/broadcasts/${id}`).auth('demo-key', { type: 'bearer' });
  const stop = (id: string) => request(sample.url).delete(`/broadcasts/${id}`).auth('demo-key', { type: 'bearer' });

  it('answers 202 with an id by which the end is found', async () => {
    const body = { kind: 'accounts', recipients: ['alice', 'bob', 'al\nice'], msg: 'hello', isStore: true };
    const begun = await sample.post('/broadcasts', body).expect(202);
    expect(begun.body).toEqual({ id: expect.any(String), progress: expect.objectContaining({ accepted: 0 }) });

    await eventually(async () => {
      const { body: state } = await get(begun.body.id).expect(200);
      expect(state.summary).toMatchObject({ stoppedBy: 'end', read: 3, accepted: 2, invalid: 1 });
    });
    expect(sample.emulator.inbox('alice')).toEqual([expect.objectContaining({ text: 'hello', isStore: true })]);
    expect(sample.emulator.inbox('bob')).toHaveLength(1);
  });

  it('sends to groups too', async () => {
    const body = { kind: 'topics', recipients: ['21351198708203521', '7'], msg: 'hello' };
    const { id } = (await sample.post('/broadcasts', body).expect(202)).body;
    await eventually(async () => expect((await get(id)).body.summary).toMatchObject({ accepted: 2 }));
    expect(sample.emulator.topicCount('21351198708203521')).toBe(1);
  });

  it('stops one at DELETE, which answers with how it ended and may be repeated', async () => {
    // More than the quota of two seconds.
    const recipients = [...HUNDRED, ...HUNDRED.map((name) => `other-${name}`)];
    const { id } = (await sample.post('/broadcasts', { kind: 'accounts', recipients, msg: 'hello' })).body;
    await eventually(() => expect(sample.emulator.totals.accountsDelivered).toBeGreaterThan(0));

    const { body } = await stop(id).expect(200);
    const delivered = sample.emulator.totals.accountsDelivered;
    expect(body.summary).toMatchObject({ stoppedBy: 'abort', accepted: delivered, unknown: 0 });
    expect(delivered).toBeLessThan(recipients.length);
    expect((await stop(id).expect(200)).body).toEqual(body);
    expect((await get(id)).body).toEqual(body);
  });

  it('reports how one failed that gave up', async () => {
    sample.emulator.failNext({ kind: 'code', code: 403 }, 20);
    const body = { kind: 'accounts', recipients: HUNDRED, msg: 'hello' };
    const { id } = (await sample.post('/broadcasts', body).expect(202)).body;
    await eventually(async () => expect((await get(id)).body.summary).toBeDefined(), 30_000);
    const { summary } = (await get(id)).body;
    expect(summary).toMatchObject({ stoppedBy: 'failures', refused: 100, error: { code: 'MIMC_API', apiCode: 403 } });
  });

  it.each([
    { body: {}, field: 'kind' },
    { body: { kind: 'people', recipients: ['alice'], msg: 'hello' }, field: 'kind' },
    { body: { kind: 'accounts', recipients: [], msg: 'hello' }, field: 'recipients' },
    { body: { kind: 'accounts', recipients: [7], msg: 'hello' }, field: 'recipients' },
    { body: { kind: 'accounts', recipients: ['alice'] }, field: 'msg' },
    { body: { kind: 'accounts', recipients: ['alice'], msg: 'x'.repeat(10_241) }, field: 'msg' },
    { body: { kind: 'accounts', recipients: ['alice'], msg: 'hello', color: 'red' }, field: 'color' },
  ])('refuses with 400 what breaks a rule: $field', async ({ body, field }) => {
    const answer = await sample.post('/broadcasts', body).expect(400);
    expect(answer.body).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(answer.body.violations.map((violation: { field: string }) => violation.field)).toContain(field);
    expect(sample.emulator.totals.requests).toBe(0);
  });

  it('remembers a hundred, and refuses more only while all of them run', async () => {
    const start = (recipients: string[]) => sample.post('/broadcasts', { kind: 'accounts', recipients, msg: 'hello' });
    const first = (await start(['alice']).expect(202)).body;
    await eventually(async () => expect((await get(first.id)).body.summary).toBeDefined());
    // The quota needs more than a minute for one of them.
    const many = Array.from({ length: 5_000 }, (_, index) => `user-${index}`);
    for (let n = 0; n < 100; n++) await start(many).expect(202);
    await get(first.id).expect(404);

    const { body } = await start(many).expect(503);
    expect(body).toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent' });
  });

  it('asks for the API key, and knows no others than its own', async () => {
    const answers = await Promise.all([
      request(sample.url).post('/broadcasts').send({}),
      request(sample.url).get('/broadcasts/1'),
      request(sample.url).delete('/broadcasts/1'),
      get('1'),
      stop('1'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 404, 404]);
  });

  it('ends what runs when the application shuts down', async () => {
    await sample.post('/broadcasts', { kind: 'accounts', recipients: HUNDRED, msg: 'hello' }).expect(202);
    await eventually(() => expect(sample.emulator.totals.requests).toBeGreaterThan(0));
    await sample.close();
    expect(sample.emulator.totals.accountsDelivered).toBeLessThan(100);
    sample = await startDemo();
  });
});
