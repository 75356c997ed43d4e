import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { BroadcastApp, startBroadcasts } from '../support/broadcast-app.js';

const BIG = '21351198708203521';

describe('sample API broadcasts', () => {
  let sample: BroadcastApp;

  beforeAll(async () => {
    sample = await startBroadcasts();
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(() => sample.close());

  describe('in JSON', () => {
    it('answer 202 with where to look, and reach everybody once', async () => {
      const recipients = names(95);
      const { headers, body } = await sample.start({ recipients, options: { chunkSize: 10 } }).expect(202);
      expect(headers.location).toBe(`/broadcasts/${body.id}`);
      expect(body).toMatchObject({ kind: 'accounts', state: 'running', total: 95, failures: [] });

      const state = await sample.reaches(body.id, 'done');
      expect(state).toMatchObject({
        progress: { read: 95, accepted: 95, refused: 0, notSent: 0, unknown: 0, invalid: 0, duplicates: 0 },
        finishedAt: expect.any(String),
      });
      expect(sample.emulator.totals).toMatchObject({ accountsDelivered: 95, requests: 10 });
      for (const account of recipients) expect(sample.emulator.count(account)).toBe(1);
    });

    it('go to groups whose ids are bare 64-bit integers, to the digit', async () => {
      const body = `{"id":"topics","kind":"topics","message":{"msg":"hello","isStore":true},"recipients":[${BIG},"7",8]}`;
      await sample.post('/broadcasts', body).expect(202);

      await sample.reaches('topics', 'done');
      expect(sample.emulator.topicInbox(BIG)[0]).toMatchObject({ text: 'hello', isStore: true });
      expect(sample.emulator.totals.topicsDelivered).toBe(3);
    });

    it('leave out what is not a recipient and report it', async () => {
      const { body } = await sample.start({ kind: 'topics', recipients: ['7', 'news', '8'] }).expect(202);

      const state = await sample.reaches(body.id, 'done');
      expect(state.progress).toMatchObject({ accepted: 2, invalid: 1 });
      expect(state.failures).toEqual([
        expect.objectContaining({ offset: 1, recipients: ['news'], code: 'MIMC_INVALID' }),
      ]);
    });

    it('report whom MIMC refused', async () => {
      sample.emulator.faultWhen(({ rawBody }) => rawBody.includes('["b"]'), { kind: 'code', code: 403 });
      const { body } = await sample.start({ recipients: ['a', 'b', 'c'], options: { chunkSize: 1 } }).expect(202);

      const state = await sample.reaches(body.id, 'done');
      expect(state.progress).toMatchObject({ accepted: 2, refused: 1 });
      expect(state.failures).toEqual([expect.objectContaining({ offset: 1, recipients: ['b'], outcome: 'refused' })]);
    });

    it('leave out duplicates when asked to', async () => {
      const body = { recipients: ['a', 'b', 'a'], options: { dedupeWindow: 10 } };
      const { id } = (await sample.start(body).expect(202)).body;
      expect((await sample.reaches(id, 'done')).progress).toMatchObject({ accepted: 2, duplicates: 1 });
    });
  });

  describe('are refused', () => {
    it.each<{ body: object; field: string; rule: string }>([
      { body: { kind: 'users' }, field: 'kind', rule: 'isIn' },
      { body: { id: 'a b' }, field: 'id', rule: 'matches' },
      { body: { id: '../etc' }, field: 'id', rule: 'matches' },
      { body: { id: null }, field: 'id', rule: 'matches' },
      { body: { message: 'hello' }, field: 'message', rule: 'isObject' },
      { body: { message: {} }, field: 'message.msg', rule: 'isString' },
      { body: { message: { msg: 'x'.repeat(10_241) } }, field: 'message.msg', rule: 'maxMsgBytes' },
      { body: { message: { msg: 'x', toAccount: 'a' } }, field: 'message.toAccount', rule: 'whitelistValidation' },
      { body: { recipients: [] }, field: 'recipients', rule: 'arrayMinSize' },
      { body: { recipients: 'a,b' }, field: 'recipients', rule: 'isArray' },
      { body: { recipients: ['a', 7] }, field: 'recipients[1]', rule: 'isRecipient' },
      { body: { recipients: [null] }, field: 'recipients[0]', rule: 'isRecipient' },
      { body: { kind: 'topics', recipients: ['7', 1.5] }, field: 'recipients[1]', rule: 'isRecipient' },
      { body: { options: [] }, field: 'options', rule: 'isObject' },
      { body: { options: { chunkSize: 0 } }, field: 'options.chunkSize', rule: 'min' },
      { body: { options: { concurrency: 65 } }, field: 'options.concurrency', rule: 'max' },
      { body: { options: { dedupeWindow: 1e6 } }, field: 'options.dedupeWindow', rule: 'max' },
      { body: { options: { signal: {} } }, field: 'options.signal', rule: 'whitelistValidation' },
      { body: { color: 'red' }, field: 'color', rule: 'whitelistValidation' },
    ])('with 400: $field $rule', async ({ body, field, rule }) => {
      const answer = await sample.start(body).expect(400);
      expect(answer.body).toMatchObject({ statusCode: 400, code: 'MIMC_INVALID', outcome: 'not-sent' });
      expect(answer.body.violations[0]).toEqual({ field, rule, message: expect.stringContaining(field) });
      expect(sample.emulator.totals.requests).toBe(0);
    });

    it('with 409 when the id is taken', async () => {
      await sample.start({ id: 'once' }).expect(202);
      const { body } = await sample.start({ id: 'once' }).expect(409);
      expect(body.message).toBe('A broadcast with the id once already exists');
    });

    it.each([
      ['post', '/broadcasts'],
      ['get', '/broadcasts/x'],
      ['get', '/broadcasts/x/events'],
      ['post', '/broadcasts/x/pause'],
      ['post', '/broadcasts/x/resume'],
      ['delete', '/broadcasts/x'],
    ] as const)('with 401 without the API key: %s %s', async (method, path) => {
      expect((await request(sample.url)[method](path)).status).toBe(401);
    });

    it('with 401 before an upload is looked at', async () => {
      const upload = request(sample.url).post('/broadcasts').set('Content-Type', 'text/plain').send('a\nb\n');
      expect((await upload).status).toBe(401);
    });

    it.each(['text/html', 'text/plain; charset=latin1', 'application/octet-stream'])('with 415 as %s', async (type) => {
      expect((await sample.upload({ kind: 'accounts', msg: 'hello' }, 'a\n', type)).status).toBe(415);
    });

    it('with 415 without a body, and compressed', async () => {
      const query = { kind: 'accounts', msg: 'hello' };
      const empty = request(sample.url).post('/broadcasts').auth('demo-key', { type: 'bearer' }).query(query);
      expect((await empty).status).toBe(415);
      await sample.upload(query, 'a\n').set('Content-Encoding', 'gzip').expect(415);
    });
  });

  it('that nobody knows are 404', async () => {
    const bearer = { type: 'bearer' } as const;
    const { body } = await sample.get('/broadcasts/none').auth('demo-key', bearer).expect(404);
    expect(body).toEqual({ statusCode: 404, error: 'Not Found', message: 'No broadcast has the id none' });
    await sample.get('/broadcasts/none/events').auth('demo-key', bearer).expect(404);
    await sample.act('none', 'pause').expect(404);
    await sample.act('none', 'resume').expect(404);
    await sample.cancel('none').expect(404);
  });
});

describe('broadcasts in progress', () => {
  let sample: BroadcastApp;

  beforeEach(async () => {
    // 20 chunks of 5 in a second.
    sample = await startBroadcasts({ maxOpen: 2, maxKept: 1 }, { MIMC_ACCOUNTS_PER_SECOND: '100' });
  });
  afterEach(() => sample.close());

  const long = { id: 'long', recipients: names(250), options: { chunkSize: 5 } };

  it('pause, stand still, and continue until everybody is reached once', async () => {
    await sample.start(long).expect(202);
    const paused = (await sample.act('long', 'pause').expect(200)).body;
    const delivered = sample.emulator.totals.accountsDelivered;
    expect(paused).toMatchObject({ state: 'paused', failures: [] });
    expect(paused.progress.accepted).toBe(delivered);
    await sample.act('long', 'pause').expect(200);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(sample.emulator.totals.accountsDelivered).toBe(delivered);

    const [first, second] = await Promise.all([sample.act('long', 'resume'), sample.act('long', 'resume')]);
    expect([first.body.state, second.body.state]).toEqual(['running', 'running']);
    const done = await sample.reaches('long', 'done');

    expect(done.progress).toEqual({ ...ZERO, read: 250, accepted: 250 });
    for (const account of long.recipients) expect(sample.emulator.count(account)).toBe(1);
  });

  it('can be resumed while a pause waits for its last answer', async () => {
    sample.emulator.failNext({ kind: 'delay', ms: 300 });
    await sample.start(long).expect(202);
    const pausing = sample.act('long', 'pause').then((answer) => answer);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await sample.act('long', 'resume').expect(200)).body.state).toBe('running');
    await pausing;

    await sample.reaches('long', 'done');
    for (const account of long.recipients) expect(sample.emulator.count(account)).toBe(1);
  });

  it('are cancelled, running or paused, and cannot continue', async () => {
    await sample.start(long).expect(202);
    await sample.start({ ...long, id: 'other' }).expect(202);
    await sample.act('other', 'pause').expect(200);

    expect((await sample.cancel('long').expect(200)).body).toMatchObject({
      state: 'cancelled',
      finishedAt: expect.any(String),
    });
    expect((await sample.cancel('other').expect(200)).body).toMatchObject({ state: 'cancelled' });
    await sample.cancel('long').expect(200);

    const { body } = await sample.act('long', 'resume').expect(409);
    expect(body.message).toBe('The broadcast is cancelled');
    await sample.act('long', 'pause').expect(409);
  });

  it('pause when too much in a row fails, and can be resumed', async () => {
    sample.emulator.failNext({ kind: 'code', code: 401 }, 3);
    await sample.start({ ...long, options: { chunkSize: 5, concurrency: 1, stopAfterConsecutiveFailures: 3 } });
    const failed = await sample.reaches('long', 'paused');
    expect(failed).toMatchObject({ error: { code: 'MIMC_AUTH' }, progress: { refused: 15 } });

    await sample.act('long', 'resume').expect(200);
    const done = await sample.reaches('long', 'done');
    expect(done.progress).toEqual({ ...ZERO, read: 250, accepted: 235, refused: 15 });
    expect(done).not.toHaveProperty('error');
  });

  it('are not more than the server takes, and those that ended are forgotten in time', async () => {
    for (const id of ['first', 'second']) {
      await sample.start({ id }).expect(202);
      await sample.reaches(id, 'done');
    }
    await sample.start({ ...long, id: 'third' }).expect(202);
    await sample.start({ ...long, id: 'fourth' }).expect(202);
    const { body } = await sample.start({ id: 'fifth' }).expect(503);
    expect(body).toMatchObject({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent' });

    await sample.get('/broadcasts/first').auth('demo-key', { type: 'bearer' }).expect(404);
    await sample.state('second');
  });
});

const ZERO = { read: 0, accepted: 0, refused: 0, notSent: 0, unknown: 0, invalid: 0, duplicates: 0 };

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`);
}
