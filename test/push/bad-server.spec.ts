import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MimcErrorCode, MimcOutcome } from 'nestjs-mimc';
import { EmulatorFault, MimcEmulator } from 'nestjs-mimc/testing';
import { bootPush, errorOf, formsOf, PushApp, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

type Row = [name: string, fault: EmulatorFault, code: MimcErrorCode, outcome: MimcOutcome, more?: object];

const json = (body: unknown, status = 200): EmulatorFault => ({ kind: 'body', body: JSON.stringify(body), status });
const said = (code: number, httpStatus?: number): EmulatorFault => ({ kind: 'code', code, httpStatus, message: 'no' });
const success = '{"code":200,"data":{"packetId":"p-1"},"message":"success"}';

const refusals: Row[] = [
  ...[400, 403, 404, 410, 413, 500, 503, -1, 0, 20001].map((code): Row => {
    return [
      `envelope ${code} under HTTP 200`,
      said(code, 200),
      'MIMC_API',
      'refused',
      { apiCode: code, apiMessage: 'no' },
    ];
  }),
  ...[400, 403, 404, 410, 413].map((code): Row => {
    return [
      `envelope ${code} under HTTP ${code}`,
      said(code, code),
      'MIMC_API',
      'refused',
      { apiCode: code, httpStatus: code },
    ];
  }),
  ...[500, 503].map((code): Row => {
    return [
      `envelope ${code} under HTTP ${code}`,
      said(code, code),
      'MIMC_API',
      'unknown',
      { apiCode: code, httpStatus: code },
    ];
  }),
  ['envelope 401 under HTTP 200', said(401, 200), 'MIMC_AUTH', 'refused', { apiCode: 401 }],
  ['envelope 401 under HTTP 401', said(401, 401), 'MIMC_AUTH', 'refused', { httpStatus: 401 }],
  ['HTTP 401 without an envelope', { kind: 'html', status: 401 }, 'MIMC_AUTH', 'refused', { httpStatus: 401 }],
  ['envelope 429 under HTTP 200', said(429, 200), 'MIMC_RATE_LIMITED', 'refused', { apiCode: 429, retryable: true }],
  ['envelope 429 under HTTP 429', said(429, 429), 'MIMC_RATE_LIMITED', 'refused', { retryable: true }],
  ['HTTP 429 without an envelope', { kind: 'html', status: 429 }, 'MIMC_RATE_LIMITED', 'refused', { retryable: true }],
  ['HTTP 503, which is not throttling', { kind: 'html', status: 503 }, 'MIMC_HTTP', 'unknown', { httpStatus: 503 }],
  ['an HTML page under HTTP 404', { kind: 'html', status: 404 }, 'MIMC_HTTP', 'refused', { httpStatus: 404 }],
  ['an HTML page under HTTP 502', { kind: 'html', status: 502 }, 'MIMC_HTTP', 'unknown', { httpStatus: 502 }],
  ['HTTP 408', { kind: 'status', status: 408 }, 'MIMC_HTTP', 'unknown', { httpStatus: 408 }],
  ['envelope 400 under HTTP 408', said(400, 408), 'MIMC_API', 'unknown', { apiCode: 400, httpStatus: 408 }],
  [
    'a redirect to another host',
    { kind: 'status', status: 307, location: 'http://127.0.0.2:9/api/push/p2p/' },
    'MIMC_HTTP',
    'refused',
    { httpStatus: 307 },
  ],
];

const contradictions: Row[] = [
  [
    'success under HTTP 500',
    { kind: 'body', body: success, status: 500 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  [
    'success under HTTP 404',
    { kind: 'body', body: success, status: 404 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  [
    'success under HTTP 302',
    { kind: 'body', body: success, status: 302 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  ['envelope 429 under HTTP 500', said(429, 500), 'MIMC_RATE_LIMITED', 'unknown', { retryable: false }],
  ['envelope 401 under HTTP 503', said(401, 503), 'MIMC_AUTH', 'unknown', { httpStatus: 503 }],
  ['envelope 500 under HTTP 400', said(500, 400), 'MIMC_API', 'refused', { apiCode: 500, httpStatus: 400 }],
];

const nonsense: Row[] = [
  ['HTML under HTTP 200', { kind: 'html', status: 200 }],
  ['an empty body', { kind: 'empty' }],
  ['HTTP 204', { kind: 'empty', status: 204 }],
  ['truncated JSON', { kind: 'truncate', cut: 'json' }],
  ['a megabyte of garbage', { kind: 'garbage', bytes: 1024 * 1024 }],
  ['five megabytes of garbage', { kind: 'garbage', bytes: 5 * 1024 * 1024 }],
  ['an array', json([200])],
  ['null', json(null)],
  ['a number', json(200)],
  ['a code in quotes', json({ code: '200', data: { packetId: 'p' } })],
  ['a fraction for a code', json({ code: 200.5, data: { packetId: 'p' } })],
  ['a code beyond 2^53', { kind: 'body', body: '{"code":99999999999999999999,"data":{"packetId":"p"}}' } as const],
  ['a code that only looks like a number', json({ code: { isLosslessNumber: true, value: '200' } })],
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
  ['JSON nested beyond any stack', { kind: 'body', body: '['.repeat(200_000) } as const],
].map(([name, fault]) => [name, fault, 'MIMC_BAD_RESPONSE', 'unknown'] as Row);

const silences: Row[] = [
  ['a reset before the request was read', { kind: 'reset', when: 'before-read' }, 'MIMC_RESET', 'unknown'],
  ['a reset after the request was read', { kind: 'reset', when: 'after-read' }, 'MIMC_RESET', 'unknown'],
  ['a body cut off', { kind: 'truncate', cut: 'connection' }, 'MIMC_RESET', 'unknown'],
  ['headers that never come', { kind: 'hang' }, 'MIMC_TIMEOUT', 'unknown'],
  ['a body that stalls', { kind: 'stall' }, 'MIMC_TIMEOUT', 'unknown'],
  ['a body that dribbles for ever', { kind: 'dribble', everyMs: 5 }, 'MIMC_TIMEOUT', 'unknown'],
];

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

  it.each([...refusals, ...contradictions, ...nonsense, ...silences])(
    'that answers %s is told by code and outcome',
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
    const faults = [...refusals, ...nonsense, ...silences].map(([, fault]) => fault);
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
