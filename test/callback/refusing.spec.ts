import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MimcCallbackOptions } from 'nestjs-mimc/callback';
import {
  APP,
  bootCallbacks,
  type CallbackApp,
  MADE_AT,
  messageToBob,
  messageToGroup,
  platforms,
  post as postBytes,
  signed,
} from '../support/callback-app.js';
import { eventually } from '../support/eventually.js';
import { errorOf } from '../support/push-app.js';

const OTHER_SECRET = 'ANOTHER-APP-SECRET-0002';
const OTHER_APP = '2882303761517000002';
const HOUR = 3_600_000;

/** `authentication` with its last character changed, so that the last block decrypts to something else. */
function tampered(): string {
  return signed().replace('fUcvJ0gk', 'kg0JvcUf');
}

const json = (body: unknown) => JSON.stringify(body);
const callback = (fields: object) => json(messageToBob(fields));
const group = (fields: object) => json(messageToGroup(fields));

/** Each with the status that it is refused with. */
const forged: [string, number, string][] = [
  ['no authentication', 401, callback({ authentication: undefined })],
  ['an empty authentication', 401, callback({ authentication: '' })],
  ['authentication null', 401, callback({ authentication: null })],
  ['authentication that is not a text', 400, callback({ authentication: { $ne: '' } })],
  ['authentication that is not Base64', 403, callback({ authentication: '<script>' })],
  ['authentication that is half a block', 403, callback({ authentication: signed().slice(0, 12) })],
  ['authentication of noise', 403, callback({ authentication: Buffer.alloc(48, 7).toString('base64') })],
  ['authentication of megabytes', 403, callback({ authentication: 'A'.repeat(400_000) })],
  ['authentication with one changed block', 403, callback({ authentication: tampered() })],
  ['authentication without its last block', 403, callback({ authentication: signed().slice(0, 43) + '=' })],
  ['another secret', 403, callback({ authentication: signed({ appSecret: OTHER_SECRET }) })],
  ['the secret in other case', 403, callback({ authentication: signed({ appSecret: APP.appSecret.toLowerCase() }) })],
  ['a length beyond the text', 403, callback({ authentication: signed({ length: 4_000_000_000 }) })],
  ['a length of nothing', 403, callback({ authentication: signed({ length: 0 }) })],
  ['a length that cuts the app id', 403, callback({ authentication: signed({ length: 20 }) })],
  ['a text with a third part', 403, callback({ authentication: signed({ appId: `${APP.appId}_1` }) })],
  ['a text without a time', 403, callback({ authentication: signed({ timestamp: '' }) })],
  ['a time that is not a number', 403, callback({ authentication: signed({ timestamp: 'NaN' }) })],
  [
    'authentication in the plain',
    403,
    callback({ authentication: Buffer.from(`${MADE_AT}_${APP.appId}`).toString('base64') }),
  ],
  ['authentication made for another app', 403, callback({ authentication: signed({ appId: OTHER_APP }) })],
  [
    'authentication of a message an hour older',
    403,
    callback({ authentication: signed({ timestamp: MADE_AT - HOUR }) }),
  ],
  ['authentication of the future', 403, callback({ authentication: signed({ timestamp: MADE_AT + 60_001 }) })],
  ['an old authentication under a new time', 403, callback({ timestamp: Date.now() })],
  ['an app that is not known', 403, callback({ fromAppId: OTHER_APP, authentication: signed({ appId: OTHER_APP }) })],
  ['an app id that loses digits in a double', 403, callback({ fromAppId: '2882303761517000000' })],
  ['an app named by an object', 400, callback({ fromAppId: { toString: APP.appId } })],
  ['the wrong field for the app of a message', 400, callback({ fromAppId: undefined, appId: APP.appId })],
  ['the wrong field for the app of a group', 400, group({ appId: undefined, fromAppId: APP.appId })],
  ['a group of another app', 403, group({ appId: OTHER_APP })],
  ['a type unknown, and no authentication', 401, callback({ msgType: 'NEWS', authentication: undefined })],
];

const malformed: [string, number, string][] = [
  ['nothing', 400, ''],
  ['truncated JSON', 400, callback({}).slice(0, -40)],
  ['no JSON', 400, 'msgType=NORMAL_MSG'],
  ['a list', 400, json([messageToBob()])],
  ['null', 400, 'null'],
  ['a text', 400, json('NORMAL_MSG')],
  ['two apps in one', 400, callback({}).replace('{', `{"fromAppId":"${OTHER_APP}",`)],
  ['brackets without end', 400, '['.repeat(500_000)],
  ['no type', 400, callback({ msgType: undefined })],
  ['a type that is not a text', 400, callback({ msgType: ['NORMAL_MSG'] })],
  ['no time', 400, callback({ timestamp: undefined })],
  ['a time that is not one', 400, callback({ timestamp: 'yesterday' })],
  ['a negative time', 400, callback({ timestamp: -1 })],
  ['no sender', 400, callback({ fromAccount: undefined })],
  ['no recipient', 400, callback({ toAccount: '' })],
  ['a recipient that is a list', 400, callback({ toAccount: ['bob'] })],
  ['no payload', 400, callback({ payload: undefined })],
  ['a payload that is not Base64', 400, callback({ payload: 'hello bob' })],
  ['a payload with lines that are not groups of four', 400, callback({ payload: 'aGVsbG8\ngYm9i' })],
  ['a payload that continues after its end', 400, callback({ payload: 'aGVsbG8= gYm9i' })],
  ['no group', 400, group({ topicId: undefined })],
];

describe.each(Object.keys(platforms) as (keyof typeof platforms)[])('on %s', (platform) => {
  let callbacks: CallbackApp;
  const answers: string[] = [];

  beforeAll(async () => {
    callbacks = await bootCallbacks({ platform, options: { maxBodyBytes: 512 * 1024 } });
  });
  afterAll(() => callbacks.close());

  it.each([...forged, ...malformed])('refuses %s with %i', async (_, status, body) => {
    const answer = await callbacks.post(body);
    answers.push(answer.text);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ statusCode: status, message: expect.any(String) });
    expect(callbacks.recorder.events).toEqual([]);
  });

  it('refuses what is not UTF-8', async () => {
    const body = Buffer.from(callback({ toAccount: 'b\u00f6b' }), 'latin1');
    expect((await postBytes(callbacks.url, body)).status).toBe(400);
  });

  it('refuses a compressed body with 415', async () => {
    const headers = { 'content-encoding': 'gzip' };
    expect((await postBytes(callbacks.url, gzipSync(callback({})), { headers })).status).toBe(415);
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('refuses %s with 405', async (method) => {
    const body = method === 'GET' ? undefined : callback({});
    const answer = await fetch(callbacks.url, { method, body, headers: { 'content-type': 'application/json' } });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('refuses a body that is too large with 413, whether it says so or not', async () => {
    const large = callback({ bizType: 'x'.repeat(2 * 1024 * 1024) });
    expect((await callbacks.post(large)).status).toBe(413);
    expect(await chunked(callbacks.url, large)).toBe(413);
  });

  it('does not care for a body that never ends', async () => {
    const { port, pathname } = new URL(callbacks.url);
    const socket = connect(Number(port), '127.0.0.1');
    const head = `POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`;
    socket.write(`${head}${callback({}).slice(0, 200)}`);
    await new Promise((sent) => setTimeout(sent, 50));
    socket.destroy();
    expect((await callbacks.post(callback({ authentication: '' }))).status).toBe(401);
  });

  it('has called no handler, and shown no secret and no content in answers and log', () => {
    expect(callbacks.recorder.events).toEqual([]);
    const shown = [...callbacks.log, ...answers].join('\n');
    expect(shown.split('\n').length).toBeGreaterThan(50);
    expect(shown).not.toMatch(/SECRET|d750d965|fUcvJ0gk|alice|bob/);
  });

  it('leaves other paths to the application', async () => {
    for (const path of ['/other', '/mimc/callback/other', '/x/mimc/callback', '/MIMC/callback', '/mimc%2Fcallback']) {
      expect([path, (await postBytes(callbacks.url.replace('/mimc/callback', path), callback({}))).status]).toEqual([
        path,
        404,
      ]);
    }
  });
});

describe('the age of an authentication', () => {
  const statusesOf = async (options: Partial<MimcCallbackOptions>, agesMs: readonly number[]) => {
    const callbacks = await bootCallbacks({ options });
    const statuses = [];
    for (const [index, ageMs] of agesMs.entries()) {
      const timestamp = Date.now() - ageMs;
      const body = messageToBob({ timestamp, sequence: index, authentication: signed({ timestamp }) });
      statuses.push((await callbacks.post(body)).status);
    }
    await callbacks.close();
    return { statuses, log: callbacks.log.join() };
  };

  it('is limited unless the options say otherwise, so that a captured one cannot carry another message for long', async () => {
    const { statuses, log } = await statusesOf({ maxAgeMs: undefined }, [0, 595_000, -595_000, 605_000, -605_000]);
    expect(statuses).toEqual([200, 200, 200, 403, 403]);
    expect(log).toContain('more than maxAgeMs (600000 ms) from the clock of this process');
  });

  it('leaves time for the last repeat of MIMC, however long each may take', async () => {
    const agesMs = [335_000 + 3 * 100_000 - 1_000, 335_000 + 3 * 100_000 + 1_000];
    const { statuses } = await statusesOf({ maxAgeMs: undefined, timeoutMs: 100_000 }, agesMs);
    expect(statuses).toEqual([200, 403]);
  });

  it('boots without a limit of age, however long handlers may take', async () => {
    const { statuses } = await statusesOf({ maxAgeMs: false, timeoutMs: 600_000 }, [0, -86_400_000]);
    expect(statuses).toEqual([200, 200]);
  });

  it.each<[string, Partial<MimcCallbackOptions>, string]>([
    [
      'shorter than the repeats',
      { maxAgeMs: 364_999 },
      'maxAgeMs must be at least 365000, which is 335000 + 3 × timeoutMs',
    ],
    [
      'shorter than the repeats of slow handlers',
      { maxAgeMs: 600_000, timeoutMs: 100_000 },
      'maxAgeMs must be at least 635000',
    ],
    [
      'longer than what is remembered',
      { maxAgeMs: 900_000, rememberMs: 900_000 },
      'rememberMs must be at least 1800000',
    ],
    ['longer than what is remembered, by default', { rememberMs: 600_000 }, 'rememberMs must be at least 1200000'],
    [
      'false, and what is remembered shorter than the repeats',
      { maxAgeMs: false, rememberMs: 360_000 },
      'at least 365000',
    ],
    ['not a number', { maxAgeMs: '600000' as never }, 'maxAgeMs must be false or an integer'],
  ])('cannot be %s', async (_, options, message) => {
    const error = await errorOf(bootCallbacks({ options: { maxAgeMs: undefined, ...options } }));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', message: expect.stringContaining(message) });
  });
});

it('logs each reason once a minute, however often it is refused', async () => {
  const callbacks = await bootCallbacks();
  for (let count = 0; count < 20; count++) await callbacks.post(messageToBob({ authentication: '' }));
  await eventually(() => expect(callbacks.log.filter((line) => line.includes('missing'))).toHaveLength(1));
  await callbacks.close();
});

/** Sends without a `content-length`. */
function chunked(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    const sending = request(url, { method: 'POST', headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sending.on('error', reject);
    sending.end(body);
  });
}
