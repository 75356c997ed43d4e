import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { EMULATOR_CREDENTIALS } from './options.js';
import { MimcEmulator } from './mimc-emulator.js';
import type { MimcEmulatorOptions } from './options.js';

const open: MimcEmulator[] = [];

async function start(options?: MimcEmulatorOptions): Promise<MimcEmulator> {
  const emulator = await MimcEmulator.start(options);
  open.push(emulator);
  return emulator;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

const JSON_TYPE = { 'content-type': 'application/json' };

/** Sends a body as it is, or a push with the right credentials and these fields. */
async function post(emulator: MimcEmulator, path: string, body: object | string, headers = JSON_TYPE) {
  const text = typeof body === 'string' ? body : JSON.stringify(withDefaults(body));
  const response = await fetch(emulator.url + path, { method: 'POST', headers, body: text });
  return { status: response.status, headers: response.headers, envelope: JSON.parse(await response.text()) };
}

function withDefaults(fields: object): object {
  return { ...EMULATOR_CREDENTIALS, fromAccount: 'shop', msg: 'hello', ...fields };
}

const TOPIC = '21360839299170305';

describe('the four endpoints', () => {
  it.each([
    ['/api/push/p2p/', { toAccount: 'a' }],
    ['/api/push/p2p', { toAccount: 'a' }],
    ['/api/push/p2t/', { topicId: TOPIC }],
    ['/api/push/p2t', { topicId: TOPIC }],
    ['//api//push/p2t//', { topicId: TOPIC }],
  ])('POST %s answers with one packetId', async (path, fields) => {
    const { status, headers, envelope } = await post(await start(), path, fields);
    expect({ status, type: headers.get('content-type') }).toEqual({
      status: 200,
      type: 'application/json;charset=UTF-8',
    });
    expect(envelope).toEqual({
      code: 200,
      data: { packetId: expect.stringMatching(/^[0-9a-z]+-\d+$/) },
      message: 'success',
    });
  });

  it.each([
    ['/api/push/p2p/more', { toAccounts: ['a', 'b', 'a'] }],
    ['/api/push/p2p/more/', { toAccounts: ['a', 'b', 'a'] }],
    ['/api/push/p2t/more', { topicIds: ['1', 2, TOPIC] }],
    ['/api/push/p2t/more/', { topicIds: ['1', 2, TOPIC] }],
    ['/api/push//p2t/more?x=1', { topicIds: ['1', 2, TOPIC] }],
  ])('POST %s answers with one packetId per recipient', async (path, fields) => {
    const { envelope } = await post(await start(), path, fields);
    expect(envelope).toMatchObject({ code: 200, message: 'success' });
    expect(new Set(envelope.data.packetIds).size).toBe(3);
  });

  it('hands every recipient the message under its own packetId, in the order given', async () => {
    const emulator = await start();
    const { envelope } = await post(emulator, '/api/push/p2p/more', { toAccounts: ['a', 'b', 'a'] });
    expect(emulator.inbox('a').map(({ packetId }) => packetId)).toEqual([
      envelope.data.packetIds[0],
      envelope.data.packetIds[2],
    ]);
    expect(emulator.inbox('b')).toHaveLength(1);
    expect(emulator.inbox('c')).toEqual([]);
    expect(emulator.totals).toMatchObject({ requests: 1, accepted: 1, accountsDelivered: 3, topicsDelivered: 0 });
  });

  it('keeps everything the request said', async () => {
    const emulator = await start();
    const fields = { fromResource: 'server', bizType: 'TEXT', isStore: true, msg: 'héllo', msgType: '' };
    const { envelope } = await post(emulator, '/api/push/p2p/', { ...fields, toAccount: 'a', unknown: 'ignored' });
    expect(emulator.inbox('a')).toEqual([
      {
        ...fields,
        packetId: envelope.data.packetId,
        endpoint: 'p2p',
        to: 'a',
        fromAccount: 'shop',
        text: 'héllo',
        payload: Buffer.from('héllo'),
        receivedAt: emulator.requests[0]?.receivedAt,
      },
    ]);
  });

  it('decodes base64 and leaves such a message without text', async () => {
    const emulator = await start();
    await post(emulator, '/api/push/p2p/', { toAccount: 'a', msg: '/+8=', msgType: 'base64' });
    const [message] = emulator.inbox('a');
    expect(message?.payload).toEqual(Buffer.from([0xff, 0xef]));
    expect(message).not.toHaveProperty('text');
    expect(message).not.toHaveProperty('fromResource');
    expect(message).toMatchObject({ isStore: false, bizType: '' });
  });

  it('stores by default if configured', async () => {
    const emulator = await start({ storeByDefault: true });
    await post(emulator, '/api/push/p2p/', { toAccount: 'a' });
    await post(emulator, '/api/push/p2p/', { toAccount: 'a', isStore: false });
    expect(emulator.inbox('a').map(({ isStore }) => isStore)).toEqual([true, false]);
  });
});

describe('topic ids', () => {
  it.each([
    ['an integer literal beyond 2^53', TOPIC, TOPIC],
    ['a string', `"${TOPIC}"`, TOPIC],
    ['a small integer', '7', '7'],
    ['the largest', '9223372036854775807', '9223372036854775807'],
  ])('keeps %s to the digit', async (_what, literal, text) => {
    const emulator = await start();
    const body = JSON.stringify(withDefaults({ topicId: 0 })).replace('"topicId":0', `"topicId": ${literal}`);
    expect((await post(emulator, '/api/push/p2t/', body)).envelope.code).toBe(200);
    expect(emulator.topicInbox(text)).toHaveLength(1);
    expect(emulator.topicInbox(BigInt(text))).toHaveLength(1);
    expect(emulator.topicCount(text)).toBe(1);
    expect(emulator.count(text)).toBe(0);
  });

  it('shows in `requests` which form went over the wire', async () => {
    const emulator = await start();
    const body = JSON.stringify(withDefaults({ topicIds: 0 })).replace(':0', `:[${TOPIC},"${TOPIC}",7]`);
    await post(emulator, '/api/push/p2t/more', body);
    expect(emulator.requests[0]?.body).toMatchObject({ topicIds: [BigInt(TOPIC), TOPIC, 7] });
    expect(emulator.requests[0]?.rawBody).toBe(body);
  });

  it('refuses to look up a number whose digits may be wrong', async () => {
    const emulator = await start();
    expect(() => emulator.topicInbox(Number(TOPIC))).toThrow(TypeError);
    expect(() => emulator.topicCount('topic')).toThrow(TypeError);
  });

  it('knows all topics, or the listed ones', async () => {
    const emulator = await start({ topics: [TOPIC, 7n, 8] });
    expect((await post(emulator, '/api/push/p2t/more', { topicIds: [TOPIC, 7, '8'] })).envelope.code).toBe(200);
    const { envelope } = await post(emulator, '/api/push/p2t/more', { topicIds: [7, 9] });
    expect(envelope).toEqual({ code: 500, data: null, message: expect.stringMatching(/fail$/) });
    expect(emulator.topicCount(7)).toBe(1);
  });
});

describe('credentials', () => {
  it('takes the appId as a number too, to the digit', async () => {
    const emulator = await start();
    const { appId } = emulator.credentials;
    const body = JSON.stringify(withDefaults({ toAccount: 'a' }));
    const asNumber = body.replace(`"${appId}"`, appId);
    expect((await post(emulator, '/api/push/p2p/', asNumber)).envelope.code).toBe(200);
    const rounded = body.replace(`"${appId}"`, JSON.stringify(Number(appId)));
    expect((await post(emulator, '/api/push/p2p/', rounded)).envelope.code).toBe(401);
  });

  it.each(['appId', 'appKey', 'appSecret'])('answers 401 to a wrong %s, and shows neither value', async (field) => {
    const emulator = await start();
    const { status, envelope } = await post(emulator, '/api/push/p2p/', { toAccount: 'a', [field]: 'a-wrong-value' });
    expect({ status, code: envelope.code, data: envelope.data }).toEqual({ status: 200, code: 401, data: null });
    for (const secret of ['a-wrong-value', ...Object.values(emulator.credentials)]) {
      expect(envelope.message).not.toContain(secret);
    }
    expect(emulator.totals).toMatchObject({ refused: 1, accepted: 0 });
  });

  it('has invented ones in the vendor’s shapes, and takes others', async () => {
    const { credentials } = await start();
    expect(credentials).toEqual({
      appId: expect.stringMatching(/^\d{19}$/),
      appKey: expect.stringMatching(/^\d{13}$/),
      appSecret: expect.stringMatching(/^(?=.*\+)(?=.*\/)[\w+/]{22}==$/),
    });
    expect(Buffer.from(credentials.appSecret, 'base64')).toHaveLength(16);
    const other = await start({ credentials: { appSecret: 'other' } });
    expect(other.credentials).toEqual({ ...credentials, appSecret: 'other' });
    expect((await post(other, '/api/push/p2p/', { toAccount: 'a', appSecret: 'other' })).envelope.code).toBe(200);
  });
});

describe('what it refuses', () => {
  const P2P = '/api/push/p2p/';
  const MORE = '/api/push/p2p/more';
  const P2T = '/api/push/p2t/';
  const TOPICS = '/api/push/p2t/more';
  it.each([
    [P2P, { toAccount: 'a', appId: null }, 'appId'],
    [P2P, { toAccount: 'a', appKey: 5 }, 'appKey'],
    [P2P, { toAccount: 'a', appSecret: undefined }, 'appSecret'],
    [P2P, { toAccount: 'a', fromAccount: undefined }, 'fromAccount'],
    [P2P, { toAccount: 'a', fromAccount: '' }, 'fromAccount'],
    [P2P, { toAccount: 'a', fromResource: 1 }, 'fromResource'],
    [P2P, {}, 'toAccount'],
    [P2P, { toAccount: 12_345 }, 'toAccount'],
    [P2P, { toAccounts: ['a'] }, 'toAccount'],
    [MORE, { toAccounts: 'a,b' }, 'toAccounts'],
    [MORE, { toAccounts: [] }, 'toAccounts'],
    [MORE, { toAccounts: ['a', 'b', null] }, 'toAccounts[2]'],
    [MORE, { toAccounts: ['a', ''] }, 'toAccounts[1]'],
    [P2T, { topicId: 'abc' }, 'topicId'],
    [P2T, { topicId: -1 }, 'topicId'],
    [P2T, { topicId: 1.5 }, 'topicId'],
    [P2T, { topicId: '9223372036854775808' }, 'topicId'],
    [P2T, { topicId: null }, 'topicId'],
    [TOPICS, { topicIds: [] }, 'topicIds'],
    [TOPICS, { topicIds: 7 }, 'topicIds'],
    [TOPICS, { topicIds: [7, true] }, 'topicIds[1]'],
    [P2P, { toAccount: 'a', msg: undefined }, 'msg'],
    [P2P, { toAccount: 'a', msg: { text: 1 } }, 'msg'],
    [P2P, { toAccount: 'a', msgType: 'text' }, 'msgType'],
    [P2P, { toAccount: 'a', msgType: 'base64', msg: 'not base64' }, 'msg'],
    [P2P, { toAccount: 'a', msgType: 'base64', msg: 'AAA' }, 'msg'],
    [P2P, { toAccount: 'a', isStore: 'true' }, 'isStore'],
    [P2P, { toAccount: 'a', bizType: 3 }, 'bizType'],
    [P2P, '{"appId":', 'body'],
    [P2P, '[]', 'body'],
    [P2P, 'null', 'body'],
    [P2P, '', 'body'],
  ])('POST %s with %j: code 400 naming %s', async (path, body, field) => {
    const emulator = await start();
    const { status, envelope } = await post(emulator, path, body);
    expect({ status, ...envelope }).toEqual({ status: 200, code: 400, data: null, message: expect.any(String) });
    expect(envelope.message.split(' ')[0]).toBe(field);
    expect(emulator.totals).toMatchObject({ requests: 1, refused: 1, accepted: 0 });
    expect(emulator.requests[0]).toMatchObject({ accepted: false, status: 200, code: 400 });
  });

  it('takes any JSON content type and no other', async () => {
    const emulator = await start();
    const body = JSON.stringify(withDefaults({ toAccount: 'a' }));
    const send = async (type: string) =>
      (await post(emulator, P2P, body, { 'content-type': type })).envelope.code as number;
    expect(await send('Application/JSON; charset=UTF-8')).toBe(200);
    expect(await send('text/plain')).toBe(400);
    expect(await send('application/x-www-form-urlencoded')).toBe(400);
  });

  it('refuses a message above the limit by its decoded bytes', async () => {
    const emulator = await start({ maxMsgBytes: 4 });
    const send = async (fields: object) => (await post(emulator, P2P, { toAccount: 'a', ...fields })).envelope.code;
    expect(await send({ msg: 'éé' })).toBe(200);
    expect(await send({ msg: 'ééx' })).toBe(413);
    expect(await send({ msg: 'AAAAAA==', msgType: 'base64' })).toBe(200);
    expect(await send({ msg: 'AAAAAAA=', msgType: 'base64' })).toBe(413);
    const normal = await start();
    const codeOf = async (bytes: number) =>
      (await post(normal, P2P, { toAccount: 'a', msg: 'x'.repeat(bytes) })).envelope.code;
    expect([await codeOf(15 * 1024), await codeOf(15 * 1024 + 1)]).toEqual([200, 413]);
  });

  it('caps the recipients if configured', async () => {
    const emulator = await start({ maxRecipients: 2 });
    const codeOf = async (toAccounts: string[]) => (await post(emulator, MORE, { toAccounts })).envelope.code;
    expect([await codeOf(['a', 'b']), await codeOf(['a', 'b', 'c'])]).toEqual([200, 400]);
  });

  it('answers 405, 404 and 413 by HTTP status, with an envelope', async () => {
    const emulator = await start();
    const get = await fetch(`${emulator.url}${P2P}`);
    expect([get.status, get.headers.get('allow'), await get.json()]).toEqual([
      405,
      'POST',
      { code: 405, data: null, message: expect.any(String) },
    ]);
    const missing = await post(emulator, '/api/push/p2x/', {});
    expect([missing.status, missing.envelope.code]).toEqual([404, 404]);
    const large = await post(emulator, P2P, 'x'.repeat(16 * 1024 * 1024 + 1));
    expect([large.status, large.envelope.code]).toEqual([413, 413]);
    expect(emulator.totals).toMatchObject({ requests: 3, refused: 3 });
    expect(emulator.requests.map(({ endpoint }) => endpoint)).toEqual(['p2p', undefined, 'p2p']);
  });

  it('mirrors the code as HTTP status if configured', async () => {
    const emulator = await start({ errorStatus: 'mirror', topics: [] });
    const statusOf = async (path: string, fields: object) => (await post(emulator, path, fields)).status;
    expect([
      await statusOf(P2P, { toAccount: 'a' }),
      await statusOf(P2P, { toAccount: 7 }),
      await statusOf(P2P, { toAccount: 'a', appKey: 'wrong' }),
      await statusOf(P2T, { topicId: 7 }),
    ]).toEqual([200, 400, 401, 500]);
  });
});

describe('options', () => {
  it.each([
    ['host', { host: '0.0.0.0' }],
    ['host', { host: '127.0.0.1.example.com' }],
    ['port', { port: 65_536 }],
    ['credentials.appKey', { credentials: { appKey: '' } }],
    ['quota.accountsPerSecond', { quota: { accountsPerSecond: 0 } }],
    ['throttle.retryAfterSeconds', { throttle: { retryAfterSeconds: 0.5 } }],
    ['a topic id', { topics: ['x'] }],
    ['chaos.rate', { chaos: { seed: 1, rate: 2 } }],
    ['maxRecipients', { maxRecipients: 0 }],
  ])('names %s when it is wrong', async (name, options) => {
    const starting = start(options);
    await expect(starting).rejects.toThrow(TypeError);
    await expect(starting).rejects.toThrow(name);
  });

  it('rejects when the port is taken', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('serves IPv6 loopback', async () => {
    const emulator = await start({ host: '::1' });
    expect(emulator.url).toBe(`http://[::1]:${emulator.port}`);
    expect((await post(emulator, '/api/push/p2p/', { toAccount: 'a' })).envelope.code).toBe(200);
  });
});

describe('the ledger', () => {
  it('only counts if configured', async () => {
    const emulator = await start({ ledger: 'counts' });
    await post(emulator, '/api/push/p2p/more', { toAccounts: ['a', 'b', 'a'] });
    await post(emulator, '/api/push/p2t/', { topicId: 7 });
    expect([emulator.count('a'), emulator.count('b'), emulator.topicCount(7)]).toEqual([2, 1, 1]);
    expect([emulator.inbox('a'), emulator.topicInbox(7), emulator.requests]).toEqual([[], [], []]);
    expect(emulator.totals).toMatchObject({ requests: 2, accepted: 2, accountsDelivered: 3, topicsDelivered: 1 });
  });

  it.each(['full', 'counts'] as const)('calls listeners for every message (%s)', async (ledger) => {
    const emulator = await start({ ledger });
    const heard: string[] = [];
    const stop = emulator.onMessage(({ to, text }) => heard.push(`${to}: ${text}`));
    await post(emulator, '/api/push/p2p/more', { toAccounts: ['a', 'b'] });
    stop();
    await post(emulator, '/api/push/p2p/', { toAccount: 'c' });
    expect(heard).toEqual(['a: hello', 'b: hello']);
  });

  it('answers the client even when a listener throws', async () => {
    const emulator = await start();
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    emulator.onMessage(() => {
      throw new Error('a listener broke');
    });
    expect((await post(emulator, '/api/push/p2p/', { toAccount: 'a' })).envelope.code).toBe(200);
    expect(warn).toHaveBeenCalledWith(new Error('a listener broke'), expect.anything());
    warn.mockRestore();
  });

  it('records requests as they came', async () => {
    const emulator = await start();
    const body = JSON.stringify(withDefaults({ toAccount: 'a' }));
    await post(emulator, '/api/push/p2p/?q=1', body, { ...JSON_TYPE, 'X-Trace': 't1' } as typeof JSON_TYPE);
    expect(emulator.requests).toEqual([
      {
        method: 'POST',
        path: '/api/push/p2p/?q=1',
        endpoint: 'p2p',
        rawBody: body,
        body: JSON.parse(body),
        headers: expect.objectContaining({ 'x-trace': 't1', 'content-type': 'application/json' }),
        receivedAt: expect.any(Number),
        accepted: true,
        status: 200,
        code: 200,
      },
    ]);
  });

  it('forgets everything on clear()', async () => {
    const emulator = await start({ quota: { accountsPerSecond: 1 } });
    await post(emulator, '/api/push/p2p/', { toAccount: 'a' });
    emulator.failNext({ kind: 'code', code: 500 });
    emulator.faultWhen(() => true, { kind: 'code', code: 500 });
    emulator.clear();
    expect([emulator.inbox('a'), emulator.requests, emulator.count('a')]).toEqual([[], [], 0]);
    expect(emulator.totals).toMatchObject({ requests: 0, accepted: 0, accountsDelivered: 0 });
    expect(emulator.worstWindow).toEqual({ accounts: 0, topics: 0, unlimitedTopics: 0 });
    expect((await post(emulator, '/api/push/p2p/', { toAccount: 'a' })).envelope.code).toBe(200);
  });
});

describe('connections', () => {
  async function raw(emulator: MimcEmulator, text = ''): Promise<Socket> {
    const socket = connect(emulator.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  }

  /** Unlike `once`, takes an error for what it is here: one more way to end. */
  function closing(socket: Socket): Promise<void> {
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  it('counts the open ones, cuts them on close, and lets the port go', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'hang' });
    const push = JSON.stringify(withDefaults({ toAccount: 'a' }));
    const head = `POST /api/push/p2p/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:`;
    const sockets = [
      await raw(emulator),
      await raw(emulator, `${head} ${push.length}\r\n\r\n${push}`),
      await raw(emulator, `${head} 99999\r\n\r\n${push}`),
    ];
    await until(() => emulator.count('a') === 1);
    await until(() => emulator.connections === 3);
    const closed = sockets.map((socket) => closing(socket));
    await Promise.all([emulator.close(), emulator.close()]);
    await Promise.all(closed);
    expect(emulator.connections).toBe(0);
    expect(emulator.inbox('a')).toHaveLength(1);
    await start({ port: emulator.port });
  });

  it('survives clients that break off, and junk', async () => {
    const emulator = await start();
    const half = await raw(emulator, 'POST /api/push/p2p/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"ap');
    await until(() => emulator.connections === 1);
    half.resetAndDestroy();
    await until(() => emulator.totals.aborted === 1 || emulator.connections === 0);
    const junk = await raw(emulator, '\u0016\u0003\u0001 not HTTP\r\n\r\n');
    junk.resume();
    await closing(junk);
    const piped = await raw(emulator, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3) + 'junk\r\n\r\n');
    piped.resume();
    await closing(piped);
    emulator.failNext({ kind: 'delay', ms: 5 });
    const push = JSON.stringify(withDefaults({ toAccount: 'a' }));
    const gone = await raw(
      emulator,
      `POST /api/push/p2p/ HTTP/1.1\r\nHost: x\r\nContent-Type: a/json\r\nContent-Length: ${push.length}\r\n\r\n${push}`,
    );
    await until(() => emulator.count('a') === 1);
    gone.resetAndDestroy();
    await until(() => emulator.connections === 0);
    expect((await post(emulator, '/api/push/p2p/', { toAccount: 'a' })).envelope.code).toBe(200);
  });

  it('keeps idle connections for as long as configured', async () => {
    const emulator = await start({ keepAliveTimeoutMs: 1_000 });
    const response = await fetch(`${emulator.url}/`);
    expect(response.headers.get('keep-alive')).toBe('timeout=1');
  });
});
