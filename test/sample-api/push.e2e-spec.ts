import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import request from 'supertest';
import { SampleApp, startDemo } from '../support/sample-app.js';

const BIG = '21351198708203521';

describe('sample API', () => {
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(() => sample.close());

  describe('accepts a push with 202 and the receipt', () => {
    const receipt = { callId: expect.any(String), attempts: 1, mayBeDuplicate: false };

    it('to one account', async () => {
      const answer = await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(202);

      const [message] = sample.emulator.inbox('alice');
      expect(message).toMatchObject({ text: 'hello', fromAccount: 'sample-api', endpoint: 'p2p' });
      expect(answer.body).toMatchObject({ ...receipt, packetId: message?.packetId });
    });

    it('to many accounts', async () => {
      const answer = await sample.post('/push/p2p/more', { toAccounts: ['alice', 'bob'], msg: 'hello' }).expect(202);

      const packetIds = ['alice', 'bob'].map((account) => sample.emulator.inbox(account)[0]?.packetId);
      expect(answer.body).toMatchObject({ ...receipt, packetIds, requested: 2 });
    });

    it.each([
      { form: 'a bare 64-bit integer', json: BIG, id: BIG },
      { form: 'the largest 64-bit integer, bare', json: '9223372036854775807', id: '9223372036854775807' },
      { form: 'a string', json: `"${BIG}"`, id: BIG },
      { form: 'a small integer', json: '7', id: '7' },
    ])('to one topic whose id is $form, to the digit', async ({ json, id }) => {
      const answer = await sample.post('/push/p2t', `{"topicId":${json},"msg":"hello"}`).expect(202);

      const [message] = sample.emulator.topicInbox(id);
      expect(message).toMatchObject({ text: 'hello', to: id });
      expect(answer.body).toMatchObject({ ...receipt, packetId: message?.packetId });
    });

    it('to many topics, bare and quoted ids mixed', async () => {
      const body = `{"topicIds":[${BIG},"21351198708203522",7],"msg":"hello"}`;
      const answer = await sample.post('/push/p2t/more', body).expect(202);

      expect(answer.body).toMatchObject({ ...receipt, requested: 3 });
      for (const id of [BIG, '21351198708203522', '7']) expect(sample.emulator.topicCount(id)).toBe(1);
      expect(sample.emulator.totals.topicsDelivered).toBe(3);
    });

    it('with every field of the vendor', async () => {
      const fields = { fromAccount: 'shop', fromResource: 'pos', isStore: true, bizType: 'TEXT' };
      const bytes = { msg: Buffer.from([0, 255, 7]).toString('base64'), msgType: 'base64' };
      await sample.post('/push/p2p', { toAccount: 'alice', ...fields, ...bytes }).expect(202);

      expect(sample.emulator.inbox('alice')).toEqual([expect.objectContaining({ ...fields, ...bytes })]);
    });

    it('sent with a charset, to a path with a slash at its end', async () => {
      await sample
        .post('/push/p2p/', { toAccount: 'alice', msg: 'grüße 你好 😀' })
        .set('Content-Type', 'application/json; charset=UTF-8')
        .expect(202);

      expect(sample.emulator.inbox('alice')[0]?.text).toBe('grüße 你好 😀');
    });
  });

  describe('refuses with 400 and the violations, before anything is sent', () => {
    const account = { toAccount: 'alice', msg: 'hello' };
    const accounts = { toAccounts: ['alice'], msg: 'hello' };
    const topic = { topicId: BIG, msg: 'hello' };
    const topics = { topicIds: [BIG], msg: 'hello' };

    it.each<{ path: string; body: object | string; field: string; rule: string }>([
      { path: 'p2p', body: {}, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { msg: 'hello' }, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { toAccount: 'alice' }, field: 'msg', rule: 'isString' },
      { path: 'p2p', body: { ...account, toAccount: '' }, field: 'toAccount', rule: 'isNotEmpty' },
      { path: 'p2p', body: { ...account, toAccount: 7 }, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { ...account, toAccount: null }, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { ...account, toAccount: ['alice'] }, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { ...account, toAccount: { a: 1 } }, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: `{"toAccount":${BIG},"msg":"hello"}`, field: 'toAccount', rule: 'isString' },
      { path: 'p2p', body: { ...account, msg: '' }, field: 'msg', rule: 'isNotEmpty' },
      { path: 'p2p', body: { ...account, msg: { text: 'hello' } }, field: 'msg', rule: 'isString' },
      { path: 'p2p', body: { ...account, msg: 'x'.repeat(10_241) }, field: 'msg', rule: 'maxMsgBytes' },
      { path: 'p2p', body: { ...account, msg: '界'.repeat(3_414) }, field: 'msg', rule: 'maxMsgBytes' },
      { path: 'p2p', body: { ...account, msgType: 'base64', msg: 'no base64!' }, field: 'msg', rule: 'isBase64' },
      { path: 'p2p', body: { ...account, msgType: 'text' }, field: 'msgType', rule: 'isIn' },
      { path: 'p2p', body: { ...account, isStore: 'true' }, field: 'isStore', rule: 'isBoolean' },
      { path: 'p2p', body: { ...account, bizType: 1 }, field: 'bizType', rule: 'isString' },
      { path: 'p2p', body: { ...account, fromAccount: '' }, field: 'fromAccount', rule: 'isNotEmpty' },
      { path: 'p2p', body: { ...account, fromResource: null }, field: 'fromResource', rule: 'isString' },
      { path: 'p2p', body: { ...account, color: 'red' }, field: 'color', rule: 'whitelistValidation' },
      { path: 'p2p', body: { ...account, appSecret: 'x' }, field: 'appSecret', rule: 'whitelistValidation' },
      { path: 'p2p', body: { ...account, toAccounts: ['a'] }, field: 'toAccounts', rule: 'whitelistValidation' },
      { path: 'p2p/more', body: { msg: 'hello' }, field: 'toAccounts', rule: 'isArray' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: [] }, field: 'toAccounts', rule: 'arrayMinSize' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: 'alice,bob' }, field: 'toAccounts', rule: 'isArray' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: ['a', ''] }, field: 'toAccounts[1]', rule: 'isAccount' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: ['a', 'b', 7] }, field: 'toAccounts[2]', rule: 'isAccount' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: [null] }, field: 'toAccounts[0]', rule: 'isAccount' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: list(51) }, field: 'toAccounts', rule: 'quota' },
      { path: 'p2p/more', body: { ...accounts, toAccounts: list(10_001) }, field: 'toAccounts', rule: 'arrayMaxSize' },
      { path: 'p2t', body: { msg: 'hello' }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: '' }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: '007' }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: 'news' }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: 0 }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: -7 }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: 1.5 }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: { ...topic, topicId: true }, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: '{"topicId":2.1351198708203521e16,"msg":"hello"}', field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: '{"topicId":9223372036854775808,"msg":"hello"}', field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: `{"topicId":${'9'.repeat(5000)},"msg":"hello"}`, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t', body: `{"topicId":-${BIG},"msg":"hello"}`, field: 'topicId', rule: 'isTopicId' },
      { path: 'p2t/more', body: { ...topics, topicIds: [] }, field: 'topicIds', rule: 'arrayMinSize' },
      { path: 'p2t/more', body: { ...topics, topicIds: BIG }, field: 'topicIds', rule: 'isArray' },
      { path: 'p2t/more', body: { ...topics, topicIds: [BIG, 'x'] }, field: 'topicIds[1]', rule: 'isTopicId' },
      {
        path: 'p2t/more',
        body: `{"topicIds":[7,${BIG}.5],"msg":"x"}`,
        field: 'topicIds[1]',
        rule: 'isTopicId',
      },
      { path: 'p2t/more', body: { ...topics, topicIds: [[BIG]] }, field: 'topicIds[0]', rule: 'isTopicId' },
      {
        path: 'p2t/more',
        body: { ...topics, topicIds: list(21).map((_, i) => i + 1) },
        field: 'topicIds',
        rule: 'quota',
      },
      { path: 'p2t/more', body: '[]', field: '', rule: 'isObject' },
      { path: 'p2t/more', body: JSON.stringify([topics]), field: '', rule: 'isObject' },
      { path: 'p2p', body: '"hello"', field: '', rule: 'isObject' },
      { path: 'p2p', body: 'null', field: '', rule: 'isObject' },
      { path: 'p2p', body: '7', field: '', rule: 'isObject' },
      { path: 'p2p', body: BIG, field: '', rule: 'isObject' },
      { path: 'p2p', body: '{"toAccount":"alice",', field: '', rule: 'isJson' },
      { path: 'p2p', body: "{'toAccount':'alice'}", field: '', rule: 'isJson' },
      { path: 'p2p', body: ' ', field: '', rule: 'isJson' },
      { path: 'p2p', body: '{"toAccount":"a","toAccount":"b","msg":"x"}', field: '', rule: 'isUniqueKey' },
      { path: 'p2p', body: '{"toAccount":"a","msg":"x","__proto__":{"isStore":true}}', field: '', rule: 'isOwnKey' },
      { path: 'p2p', body: '{"toAccount":{"\\u005f_proto__":1},"msg":"x"}', field: '', rule: 'isOwnKey' },
      { path: 'p2p', body: '{"toAccount":"a","msg":"x","constructor":1}', field: '', rule: 'isOwnKey' },
      { path: 'p2p', body: '{"toAccount":"a","msg":"x","toString":1}', field: '', rule: 'isOwnKey' },
      { path: 'p2p', body: `{"toAccount":${nested(40)},"msg":"x"}`, field: '', rule: 'maxDepth' },
      { path: 'p2p', body: nested(100_000), field: '', rule: 'maxDepth' },
    ])('$# $path: $field $rule', async ({ path, body, field, rule }) => {
      const answer = await sample.post(`/push/${path}`, body).expect(400);

      expect(answer.body).toMatchObject({
        statusCode: 400,
        error: 'Bad Request',
        message: expect.any(String),
        code: 'MIMC_INVALID',
        outcome: 'not-sent',
      });
      expect(answer.body.violations[0]).toEqual({ field, rule, message: expect.any(String) });
      expect(sample.emulator.totals.requests).toBe(0);
    });

    it.each(['p2p', 'p2p/more', 'p2t', 'p2t/more'])('%s without any body', async (path) => {
      const bare = request(sample.url).post(`/push/${path}`).auth('demo-key', { type: 'bearer' });
      expect((await bare.expect(400)).body).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
      expect((await sample.post(`/push/${path}`, '').expect(400)).body.violations).toHaveLength(2);
    });

    it('what is not UTF-8', async () => {
      const bytes = Buffer.from('{"toAccount":"al\xffice","msg":"x"}', 'latin1');
      const answer = await sample
        .post('/push/p2p', '')
        .serialize(() => bytes as never)
        .send({})
        .expect(400);
      expect(answer.body.violations[0].rule).toBe('isUtf8');
    });

    it('whatever JSON it is', async () => {
      const fields = {
        toAccount: fc.jsonValue(),
        topicId: fc.jsonValue(),
        msg: fc.jsonValue(),
        isStore: fc.jsonValue(),
      };
      const bodies = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.dictionary(fc.string(), fc.jsonValue()));
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('p2p', 'p2p/more', 'p2t'), bodies, async (path, body) => {
          // None names a recipient and a message that would do.
          const answer = await sample.post(`/push/${path}`, JSON.stringify({ ...body, bizType: 1 }));
          expect(answer.body).toMatchObject({ statusCode: 400, code: 'MIMC_INVALID' });
        }),
        { numRuns: 150 },
      );
    });

    it('without repeating what was sent', async () => {
      const answer = await sample.post('/push/p2p', { toAccount: 'alice', msg: ['s3cret'], isStore: 's3cret' });
      expect(answer.text).not.toContain('s3cret');
    });
  });

  it('refuses a body above the limit with 413', async () => {
    const answer = await sample.post('/push/p2p', { toAccount: 'alice', msg: 'x'.repeat(256 * 1024) }).expect(413);
    expect(answer.body).toMatchObject({ statusCode: 413, error: 'Payload Too Large' });
    expect(sample.emulator.totals.requests).toBe(0);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=gbk', 'application/jsonp'])(
    'refuses the content type %s with 415',
    async (type) => {
      const answer = await sample.post('/push/p2p', '{"toAccount":"alice","msg":"x"}').set('Content-Type', type);
      expect(answer.body).toMatchObject({ statusCode: 415, error: 'Unsupported Media Type' });
      expect(sample.emulator.totals.requests).toBe(0);
    },
  );

  describe('asks for the API key', () => {
    const push = () => request(sample.url).post('/push/p2p').send({ toAccount: 'alice', msg: 'hello' });

    it.each([
      '',
      'Bearer',
      'Bearer ',
      'Bearer nope',
      'Bearer demo-key2',
      'Bearer demo-ke',
      'Basic demo-key',
      'demo-key',
    ])('and answers "%s" with 401 and a challenge', async (header) => {
      const answer = await push().set('Authorization', header).expect(401);

      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="sample-api"/);
      expect(answer.body).toMatchObject({ statusCode: 401, error: 'Unauthorized' });
      expect(sample.emulator.totals.requests).toBe(0);
    });

    it('and takes the scheme in any case', async () => {
      const answer = await push().set('Authorization', 'bearer demo-key');
      expect(answer.status).toBe(202);
    });

    it.each(['/', '/health/live', '/health/ready', '/docs', '/docs/swagger-ui.css', '/openapi.json'])(
      'but not for %s',
      async (path) => {
        const answer = await sample.get(path);
        expect(answer.status).toBe(200);
      },
    );
  });

  describe('answers with safe headers', () => {
    it.each(['/docs', '/health/live', '/nowhere'])('%s', async (path) => {
      const { headers } = await sample.get(path);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
      expect(headers['content-security-policy']).toContain("script-src 'self'");
      expect(headers).not.toHaveProperty('x-powered-by');
    });
  });
});

function list(length: number): string[] {
  return Array.from({ length }, (_, index) => `user-${index}`);
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}
