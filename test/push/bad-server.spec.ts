import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { type BadAnswer, contradictions, json, nonsense, refusals, said, silences } from '../support/bad-answers.js';
import { bootPush, errorOf, formsOf, PushApp, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

const withoutId: BadAnswer[] = [
  ['no data', json({ code: 200, message: 'success' })],
  ['null data', json({ code: 200, data: null, message: 'success' })],
  ['data in a list', json({ code: 200, data: [{ packetId: 'p' }] })],
  ['data in a string', json({ code: 200, data: 'p' })],
  ['no packetId', json({ code: 200, data: {} })],
  ['a packetId of null', json({ code: 200, data: { packetId: null } })],
  ['an empty packetId', json({ code: 200, data: { packetId: '' } })],
  ['a fraction for a packetId', json({ code: 200, data: { packetId: 1.5 } })],
  ['an object for a packetId', json({ code: 200, data: { packetId: {} } })],
  ['packetIds for a packetId', json({ code: 200, data: { packetIds: ['p'] } })],
].map(([name, fault]) => [name, fault, 'MIMC_BAD_RESPONSE', 'unknown'] as BadAnswer);

describe('a bad server', () => {
  let mimc: MimcEmulator;
  let app: PushApp;
  let impatient: PushApp;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    app = await bootPush({ baseUrl: mimc.url, quota: false });
    impatient = await bootPush({ baseUrl: mimc.url, quota: false, timeouts: { responseMs: 300 } });
  });
  afterAll(async () => {
    await app.close();
    await impatient.close();
    await mimc.close();
  });

  const expectNoSecret = (text: string) => {
    expect(text).not.toContain(secrets.appKey);
    expect(text).not.toContain(secrets.appSecret);
  };
  const send = (from = app) => from.push.toAccount({ toAccount: 'alice', msg: 'hello' });

  it.each([...refusals, ...contradictions, ...nonsense, ...withoutId, ...silences])(
    'that answers %s is reported by code and outcome',
    async (_name, fault, code, outcome, more = {}) => {
      mimc.clear();
      mimc.failNext(fault);
      const error = await errorOf(send(code === 'MIMC_TIMEOUT' ? impatient : app));
      expect(error).toMatchObject({ code, outcome, endpoint: 'p2p', attempts: 1, ...more });
      expect(error.retryable).toBe(code === 'MIMC_RATE_LIMITED' && outcome !== 'unknown');
      expect(mimc.requests).toHaveLength(1);
      expectNoSecret(formsOf(error));
    },
  );

  it.each<[string, string, string]>([
    ['a string', '"abc-1"', 'abc-1'],
    ['an integer', '42', '42'],
    ['an integer beyond 2^53', '154503794553568001', '154503794553568001'],
    ['an integer beyond 2^64', '99999999999999999999999', '99999999999999999999999'],
  ])('may send a packetId as %s, which is kept exactly', async (_name, literal, packetId) => {
    mimc.failNext({ kind: 'body', body: `\uFEFF{"message":"x","data":{"packetId":${literal}},"code":200}` });
    await expect(send()).resolves.toMatchObject({ packetId, attempts: 1, mayBeDuplicate: false });
  });

  it.each([
    ['absent', {}],
    ['empty', { packetIds: [] }],
    ['no array', { packetIds: 'p' }],
    ['not all ids', { packetIds: ['p', null] }],
  ])('whose packetIds are %s is a bad response', async (_name, data) => {
    mimc.failNext(json({ code: 200, data }));
    const error = await errorOf(app.push.toAccounts({ toAccounts: ['a', 'b'], msg: 'm' }));
    expect(error).toMatchObject({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', endpoint: 'p2p/more' });
  });

  it('may send fewer packetIds than there are recipients', async () => {
    mimc.failNext(json({ code: 200, data: { packetIds: ['p', 7] } }));
    const receipt = await app.push.toTopics({ topicIds: [1, 2, 3], msg: 'm' });
    expect(receipt).toMatchObject({ packetIds: ['p', '7'], requested: 3 });
  });

  it.each(['raw', 'json', 'url'] as const)(
    'that echoes our body (%s) does not get a secret into the error',
    async (form) => {
      mimc.failNext({ kind: 'echo', form });
      const error = await errorOf(send());
      expect(error.apiMessage).toContain('[redacted]');
      expect(error.apiMessage?.length).toBeLessThanOrEqual(500);
      expectNoSecret(formsOf(error));
      expectNoSecret(decodeURIComponent(error.apiMessage ?? ''));
    },
  );

  it('that splits its answer into single bytes is understood', async () => {
    mimc.failNext({ kind: 'split' });
    await expect(send()).resolves.toMatchObject({ attempts: 1 });
  });

  it.each([
    ['seconds', '7', 7_000],
    ['a date in the past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['centuries', '99999999999', 3_600_000],
  ])('may ask for a pause in %s', async (_form, retryAfter, retryAfterMs) => {
    mimc.failNext({ kind: 'code', code: 429, retryAfter });
    expect(await errorOf(send())).toMatchObject({ code: 'MIMC_RATE_LIMITED', retryAfterMs });
  });

  it('may ask for a pause until a date, which counts from its own clock', async () => {
    const headers = { date: 'Wed, 21 Oct 2015 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2015 07:28:09 GMT' };
    mimc.failNext({ kind: 'status', status: 503, headers });
    expect(await errorOf(send())).toMatchObject({ retryAfterMs: 9_000 });
  });

  it.each(['soon', '-1', '1.5', '12 s'])('that asks for a pause of "%s" asks for none', async (retryAfter) => {
    mimc.failNext({ kind: 'code', code: 429, retryAfter });
    expect((await errorOf(send())).retryAfterMs).toBeUndefined();
  });
});

describe('after all that a server may do', () => {
  it('no socket is left open and no secret in the log', async () => {
    const mimc = await MimcEmulator.start({ credentials: secrets });
    const app = await bootPush({ baseUrl: mimc.url, quota: false, timeouts: { responseMs: 50 } });
    const faults = [...refusals, ...nonsense, ...withoutId, ...silences].map(([, fault]) => fault);
    mimc.failNext(said(401));
    await errorOf(app.push.toAccount({ toAccount: 'alice', msg: 'hello' }));
    mimc.failNext(faults);
    const ends = await Promise.allSettled(faults.map(() => app.push.toAccount({ toAccount: 'alice', msg: 'hello' })));
    await app.close();
    await eventually(() => expect(mimc.connections).toBe(0));
    await mimc.close();
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    expect(app.log.join('\n')).toContain('MIMC refuses the credentials');
    expect(app.log.join('\n')).not.toContain(secrets.appKey);
    expect(app.log.join('\n')).not.toContain(secrets.appSecret);
  });
});

describe('a server that is not there', () => {
  it('is a failure to connect: not sent', async () => {
    const server = await startRawServer(() => undefined);
    await server.close();
    const app = await bootPush({ baseUrl: server.url });
    const error = await errorOf(app.push.toAccount({ toAccount: 'alice', msg: 'm' }));
    await app.close();
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', retryable: true, attempts: 1 });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it.each([
    ['a name that does not resolve', 'https://mimc.invalid'],
    ['TLS to a server without it', 'https'],
  ])('%s is one too', async (_name, baseUrl) => {
    const server = await startRawServer((socket) => socket.end('no TLS here'));
    const app = await bootPush({ baseUrl: baseUrl === 'https' ? server.url.replace('http:', 'https:') : baseUrl });
    const error = await errorOf(app.push.toAccount({ toAccount: 'alice', msg: 'm' }));
    await app.close();
    await server.close();
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
  });
});

describe('a server that does not speak HTTP', () => {
  let server: RawServer;
  let reply: string;

  beforeAll(async () => {
    server = await startRawServer((socket, chunk) => chunk.endsWith('}') && socket.write(reply));
  });
  afterAll(() => server.close());

  it.each([
    ['garbage', '\u0000'.repeat(1024)],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['headers without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
  ])('but %s may have taken the message', async (_name, text) => {
    reply = text;
    const app = await bootPush({ baseUrl: server.url });
    const error = await errorOf(app.push.toAccount({ toAccount: 'alice', msg: 'm' }));
    await app.close();
    expect(error).toMatchObject({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' });
  });

  it('and sends two replies at once does not confuse the next call', async () => {
    const body = (id: string) => `{"code":200,"data":{"packetId":"${id}"},"message":"success"}`;
    reply = httpReply('200 OK', body('mine')) + httpReply('200 OK', body('smuggled'));
    const app = await bootPush({ baseUrl: server.url });
    const first = await app.push.toAccount({ toAccount: 'alice', msg: 'm' });
    reply = httpReply('200 OK', body('second'));
    const second = await app.push.toAccount({ toAccount: 'alice', msg: 'm' });
    await app.close();
    expect([first.packetId, second.packetId]).toEqual(['mine', 'second']);
  });
});
