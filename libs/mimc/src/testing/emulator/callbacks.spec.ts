import { createDecipheriv, createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EMULATOR_CREDENTIALS, MimcEmulator, type MimcEmulatorOptions } from '../index.js';

interface Received {
  headers: IncomingHttpHeaders;
  text: string;
}

let receiver: Server;
let url: string;
let received: Received[];
/** What the receiver answers next; `hang` nothing. */
let answers: (number | 'hang')[];
let mimc: MimcEmulator | undefined;

beforeEach(async () => {
  received = [];
  answers = [];
  receiver = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.once('end', () => {
      received.push({ headers: request.headers, text });
      const answer = answers.shift() ?? 200;
      if (answer !== 'hang') response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/callback`;
});

afterEach(async () => {
  await mimc?.close();
  await new Promise((resolve) => receiver.close(resolve));
});

/** Repeats come at once; an answer has all the time that a busy machine takes for it. */
const quick = { repeatAfterMs: [1, 2, 3], timeoutMs: 60_000 };
const start = async (options: MimcEmulatorOptions = {}) =>
  (mimc = await MimcEmulator.start({ callbackUrl: url, ...options, callbacks: { ...quick, ...options.callbacks } }));
const bodies = () => received.map(({ text }) => JSON.parse(text) as Record<string, unknown>);

describe('callbacks of the emulator', () => {
  it('say what a user sent to another', async () => {
    const emulator = await start();
    const [callback] = emulator.userSends({ from: 'alice', to: 'bob', text: 'hé', bizType: 'TEXT' });
    await emulator.callbacksSettled();
    expect(received[0]?.headers).toMatchObject({ 'content-type': 'application/json;charset=UTF-8' });
    expect(bodies()).toEqual([
      {
        msgType: 'NORMAL_MSG',
        fromAppId: EMULATOR_CREDENTIALS.appId,
        toAppId: EMULATOR_CREDENTIALS.appId,
        fromAccount: 'alice',
        fromResource: 'phone',
        toAccount: 'bob',
        toResource: 'phone',
        payload: Buffer.from('hé').toString('base64'),
        timestamp: expect.stringMatching(/^\d{13}$/),
        packetId: expect.stringMatching(/^\w{15}_1$/),
        sequence: expect.stringMatching(/^\d{18}$/),
        bizType: 'TEXT',
        authentication: expect.any(String),
      },
    ]);
    expect(callback).toMatchObject({ state: 'delivered', attempts: [{ status: 200 }], body: received[0]?.text, url });
    expect(emulator.callbacks).toEqual([callback]);
    expect(emulator.inbox('bob')).toEqual([]);
  });

  it.each([
    ['little-endian', 'readUInt32LE'],
    ['big-endian', 'readUInt32BE'],
  ] as const)('authenticate as observed, %s', async (authentication, read) => {
    const emulator = await start({ callbacks: { authentication } });
    emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await emulator.callbacksSettled();
    const [body = {}] = bodies();
    const key = createHash('md5').update(EMULATOR_CREDENTIALS.appSecret).digest();
    const cipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    const plain = Buffer.concat([cipher.update(String(body['authentication']), 'base64'), cipher.final()]);
    const text = `${String(body['timestamp'])}_${EMULATOR_CREDENTIALS.appId}`;
    expect(plain[read]()).toBe(text.length);
    expect(plain.toString('utf8', 4)).toBe(text + '\0'.repeat(plain.length - 4 - text.length));
  });

  it('come without authentication, or with ids as integers, where that is set', async () => {
    const emulator = await start({ callbacks: { authentication: 'none', idForm: 'number' } });
    emulator.userSends({ from: 'alice', topicId: '51664086823862273', text: 'hello' });
    await emulator.callbacksSettled();
    const text = received[0]?.text;
    expect(text).toMatch(/"topicId":51664086823862273,/);
    expect(text).toMatch(/"sequence":\d{18}\b/);
    expect(text).toMatch(/"timestamp":\d{13}\b/);
    expect(text).toContain(`"appId":${EMULATOR_CREDENTIALS.appId}`);
    expect(text).not.toContain('authentication');
  });

  it('come a second time for recipients who are offline', async () => {
    const emulator = await start();
    emulator.setOffline('bob', ['phone', 'web']);
    emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    emulator.userSends({ from: 'alice', topicId: 7n, members: ['alice', 'bob', 'carol'], text: 'all' });
    emulator.userSends({ from: 'alice', topicId: 8, members: ['bob'], text: 'many', unlimited: true });
    emulator.setOnline('bob');
    emulator.userSends({ from: 'alice', to: 'bob', text: 'hello again' });
    await emulator.callbacksSettled();
    const sent = emulator.callbacks.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(sent).toMatchObject([
      { msgType: 'NORMAL_MSG' },
      { msgType: 'OFFLINE_MSG', toAccount: 'bob', offlineResources: ['phone', 'web'] },
      { msgType: 'NORMAL_TOPIC_MSG', topicId: '7', toAccounts: ['alice', 'bob', 'carol'] },
      {
        msgType: 'OFFLINE_TOPIC_MSG',
        toAccounts: ['bob'],
        offlineAccounts: [{ toAccount: 'bob', offlineResources: ['phone', 'web'] }],
      },
      { msgType: 'UCTOPIC_MSG', topicId: '8' },
      { msgType: 'NORMAL_MSG' },
    ]);
    const [first, second, third] = sent.map(({ sequence }) => BigInt(String(sequence)));
    expect(first).toBe(second);
    // Not as numbers, which neighbours of this size share.
    expect((third ?? 0n) > (second ?? 0n)).toBe(true);
  });

  it('know the members of the groups that were made', async () => {
    const emulator = await start();
    const headers = { ...emulator.credentials, appAccount: 'alice', 'content-type': 'application/json' };
    const made = await fetch(`${emulator.url}/api/topic/${emulator.credentials.appId}`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ topicName: 'tea', accounts: 'bob,carol' }),
    });
    const [, topicId = ''] = /"topicId":"(\d+)"/.exec(await made.text()) ?? [];
    emulator.setOffline('carol');
    emulator.userSends({ from: 'bob', topicId, text: 'hello' });
    await emulator.callbacksSettled();
    expect(bodies()).toMatchObject([{ toAccounts: ['alice', 'bob', 'carol'] }, { toAccounts: ['carol'] }]);
  });

  it('are repeated alike until they are answered 200', async () => {
    const emulator = await start({ callbacks: { timeoutMs: 2_000 } });
    answers = [500, 'hang', 302];
    const [callback] = emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await emulator.callbacksSettled();
    expect(callback).toMatchObject({
      state: 'delivered',
      attempts: [{ status: 500 }, { error: 'timeout' }, { status: 302 }, { status: 200 }],
    });
    expect(new Set(received.map(({ text }) => text)).size).toBe(1);
  });

  it('are given up after three repeats', async () => {
    const emulator = await start();
    answers = [500, 404, 204, 201, 200];
    const [callback] = emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await emulator.callbacksSettled();
    expect(callback).toMatchObject({ state: 'failed', attempts: { length: 4 } });
  });

  it('fail with what the system says when nobody listens', async () => {
    const emulator = await start({ callbackUrl: 'http://127.0.0.1:1/', callbacks: { repeatAfterMs: [] } });
    const [callback] = emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await emulator.callbacksSettled();
    expect(callback).toMatchObject({ state: 'failed', attempts: [{ error: 'ECONNREFUSED' }] });
  });

  it('follow pushes only where that is set', async () => {
    const push = async (emulator: MimcEmulator) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ ...emulator.credentials, fromAccount: 'shop', toAccount: 'alice', msg: 'sale' });
      await (await fetch(`${emulator.url}/api/push/p2p/`, { method: 'POST', headers, body })).text();
      await emulator.callbacksSettled();
    };
    await push(await start());
    expect(received).toEqual([]);
    await mimc?.close();
    await push(await start({ callbacks: { onPush: true } }));
    const payload = Buffer.from('sale').toString('base64');
    expect(bodies()).toMatchObject([{ msgType: 'NORMAL_MSG', fromAccount: 'shop', toAccount: 'alice', payload }]);
  });

  it('are signed with the secret of the moment', async () => {
    const emulator = await start();
    const signatures = async () => {
      emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
      await emulator.callbacksSettled();
      return bodies().at(-1)?.['authentication'];
    };
    const before = await signatures();
    emulator.rotateCredentials({ appSecret: 'another' });
    expect(String(await signatures()).slice(0, 16)).not.toBe(String(before).slice(0, 16));
  });

  it('end with `clear` and `close`, whatever they are at', async () => {
    const emulator = await start({ callbacks: { repeatAfterMs: [600_000], timeoutMs: 600_000 } });
    answers = ['hang', 500];
    const sent = () => emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' })[0];
    const hanging = sent();
    while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const waiting = sent();
    while (waiting?.attempts.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    emulator.clear();
    expect([hanging?.state, waiting?.state, emulator.callbacks]).toEqual(['dropped', 'dropped', []]);
    answers = ['hang'];
    const last = sent();
    await emulator.close();
    expect(last?.state).toBe('dropped');
    expect(() => sent()).toThrow('the emulator is closed');
  });

  it('are not kept in the mode of counts', async () => {
    const emulator = await start({ ledger: 'counts' });
    const [callback] = emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await emulator.callbacksSettled();
    expect([callback?.state, emulator.callbacks]).toEqual(['delivered', []]);
  });
});

describe('a user of the emulator', () => {
  const post = async (body: unknown, type = 'application/json') => {
    const headers = { 'content-type': type };
    const init = { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
    const answer = await fetch(`${mimc?.url}/emulator/user-messages`, init);
    return { status: answer.status, body: await answer.json() };
  };

  it('may be played by another process', async () => {
    const emulator = await start();
    const answer = await post('{"from":"alice","topicId":51664086823862273,"text":"hello"}');
    const [{ sequence } = { sequence: '' }] = emulator.callbacks;
    expect(answer).toEqual({ status: 200, body: [{ msgType: 'NORMAL_TOPIC_MSG', sequence, url }] });
    await emulator.callbacksSettled();
    expect(bodies()).toMatchObject([{ topicId: '51664086823862273' }]);
  });

  it.each([
    [{ from: 'alice', to: 'bob', text: 'x', secret: 1 }, '"secret" is not a known field'],
    [{ from: '', to: 'bob', text: 'x' }, 'from must be a string that is not empty'],
    [{ from: 'alice', text: 'x' }, 'a message needs one of to and topicId'],
    [{ from: 'alice', to: 'bob', topicId: 1, text: 'x' }, 'a message needs one of to and topicId'],
    [{ from: 'alice', to: 'bob' }, 'a message needs one of text and payload'],
    [{ from: 'alice', to: 'bob', text: 'x', bizType: 1 }, 'bizType must be a string'],
    [{ from: 'alice', to: 'bob', text: 1 }, 'text must be a string, payload a Uint8Array'],
    [
      { from: 'alice', topicId: 'x', text: 'x' },
      'topicId must be a positive 64-bit integer; beyond 2^53 as text or bigint',
    ],
    [{ from: 'alice', topicId: 1, members: 'bob', text: 'x' }, 'members must be a list of accounts'],
    [{ from: 'alice', topicId: 1, members: [1], text: 'x' }, 'members[0] must be a string that is not empty'],
    [null, 'the message must be an object'],
    ['{', 'body must be JSON'],
  ])('is refused with 400: %j', async (body, message) => {
    await start();
    expect(await post(body)).toEqual({ status: 400, body: { message } });
    expect((await post(body, 'text/plain')).status).toBe(400);
    expect(received).toEqual([]);
  });

  it('needs somewhere to send to', async () => {
    const emulator = await start({ callbackUrl: undefined });
    expect((await post({ from: 'alice', to: 'bob', text: 'x' })).status).toBe(400);
    emulator.callbackUrl = url;
    expect((await post({ from: 'alice', to: 'bob', text: 'x' })).status).toBe(200);
  });

  it.each(['https://127.0.0.1/', 'http://example.com/', 'http://127.0.0.1.example.com', 'mimc', ''])(
    'cannot send to %j',
    async (callbackUrl) => {
      await expect(MimcEmulator.start({ callbackUrl })).rejects.toThrow('callbackUrl must be an http URL on loopback');
    },
  );

  it.each([
    [{ idForm: 'bigint' }, 'callbacks.idForm must be "text" or "number"'],
    [{ repeatAfterMs: [1, -1] }, 'callbacks.repeatAfterMs[1] must be an integer'],
    [{ timeoutMs: 0 }, 'callbacks.timeoutMs must be an integer'],
    [{ retries: 3 }, 'callbacks: "retries" is not a known field'],
  ])('cannot have the options %j', async (callbacks, message) => {
    await expect(MimcEmulator.start({ callbacks: callbacks as object })).rejects.toThrow(message);
  });
});
