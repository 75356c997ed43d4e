import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mimcErrorTable } from 'nestjs-mimc';
import { Agent, Dispatcher } from 'undici';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

const success = '{"code":200,"data":{"packetId":"p-1"},"message":"success"}';
const message = { toAccount: 'alice', msg: 'hello' };

/** `{"code":400,"message":"错误"}` in GBK. */
const GBK = Buffer.concat([
  Buffer.from('{"code":400,"message":"'),
  Buffer.from([0xb4, 0xed, 0xce, 0xf3]),
  Buffer.from('"}'),
]);

type Answer = (response: ServerResponse) => void;

describe('a reply', () => {
  let answer: Answer = (response) => response.end(success);
  const hosts: (string | undefined)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    hosts.push(request.headers.host);
    request.resume().on('end', () => answer(response));
  });
  let app: PushApp;
  let url: string;

  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    app = await bootPush({ baseUrl: url, quota: false });
  });
  afterAll(async () => {
    await app.close();
    server.close();
  });

  const answering = (body: Buffer | string, headers: Record<string, string> = {}, status = 200) => {
    answer = (response) => response.writeHead(status, headers).end(body);
    return app.push.toAccount(message);
  };

  it.each<[string, Buffer, Record<string, string>]>([
    ['gzip', gzipSync(success), { 'content-encoding': 'gzip' }],
    ['gzip by its old name', gzipSync(success), { 'content-encoding': 'X-GZIP' }],
    ['gzip that no header names', gzipSync(success), {}],
    ['gzip that is named only in the header', Buffer.from(success), { 'content-encoding': 'gzip' }],
    ['deflate', deflateSync(success), { 'content-encoding': 'deflate' }],
    ['deflate in its bare form', deflateRawSync(success), { 'content-encoding': 'deflate' }],
    ['br', brotliCompressSync(success), { 'content-encoding': 'br' }],
    ['identity', Buffer.from(success), { 'content-encoding': 'identity' }],
    ['a charset that it is not in', Buffer.from(success), { 'content-type': 'application/json; charset=x-none' }],
  ])('in %s is read, although nobody asked for it', async (_name, body, headers) => {
    await expect(answering(body, headers)).resolves.toMatchObject({ packetId: 'p-1' });
  });

  it.each(['gbk', 'GB2312', '"gb18030"'])('in charset %s is read', async (charset) => {
    const error = await errorOf(answering(GBK, { 'content-type': `application/json;charset=${charset}` }));
    expect(error).toMatchObject({ code: 'MIMC_API', outcome: 'refused', apiCode: 400, apiMessage: '错误' });
  });

  const bomb = Buffer.alloc(64 * 1024 * 1024);
  it.each<[string, Buffer, Record<string, string>, string]>([
    ['a coding that Node.js lacks', Buffer.from('x'), { 'content-encoding': 'compress' }, 'encoded as "compress"'],
    ['two codings', gzipSync(success).subarray(2), { 'content-encoding': 'br, gzip' }, 'encoded as that it names'],
    ['gzip that is cut short', gzipSync(success).subarray(0, 30), {}, 'encoded as gzip but truncated or corrupt'],
    ['br that is damaged', Buffer.from(success), { 'content-encoding': 'br' }, 'encoded as br but truncated'],
    ['gzip of 64 MiB', gzipSync(bomb), {}, 'longer than 4 MiB'],
    ['br of 64 MiB', brotliCompressSync(bomb), { 'content-encoding': 'br' }, 'longer than 4 MiB'],
    ['a charset unknown to it', GBK, { 'content-type': 'text/plain; charset=x-none' }, 'charset "x-none"'],
  ])('in %s is unknown, and the error says why', async (_name, body, headers, why) => {
    const error = await errorOf(answering(body, headers));
    expect(error).toMatchObject({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown', httpStatus: 200 });
    expect(error.message).toContain(why);
  });

  it.each([301, 302, 303])('of status %i does not say that the push was not done', async (status) => {
    const plain = await errorOf(answering('', { location: '/elsewhere' }, status));
    expect(plain).toMatchObject({ code: 'MIMC_HTTP', outcome: 'unknown', httpStatus: status, retryable: false });
    const refused = await errorOf(answering('{"code":429,"message":"no"}', { location: '/elsewhere' }, status));
    expect(refused).toMatchObject({ code: 'MIMC_RATE_LIMITED', outcome: 'unknown', retryable: false });
  });

  it.each([307, 308])('of status %i says so: it asks for the same push elsewhere', async (status) => {
    const error = await errorOf(answering('', { location: '/elsewhere' }, status));
    expect(error).toMatchObject({ code: 'MIMC_HTTP', outcome: 'refused', httpStatus: status });
  });

  it('cannot put what is not seen into a text', async () => {
    const hidden = 'no\n[Nest] LOG\r\u001b[2J\u202e\u200b\u2066\u3164\u{e0041}\ud800 可以';
    const error = await errorOf(answering(JSON.stringify({ code: 400, message: hidden })));
    const shown = String.raw`no\n[Nest] LOG\r\u001b[2J\u202e\u200b\u2066\u3164\u{e0041}\ud800 可以`;
    expect(error.apiMessage).toBe(shown);
    expect(error.message).toBe(`MIMC answered code 400: ${shown}`);
  });

  it('is not cut inside a character', async () => {
    const error = await errorOf(answering(JSON.stringify({ code: 400, message: `${'x'.repeat(499)}🙂` })));
    expect(error.apiMessage).toBe('x'.repeat(499));
  });

  it('leaves nothing of one module in the requests of another, whatever its dispatcher writes', async () => {
    answer = (response) => response.end(success);
    const meddling: Dispatcher = new Agent().compose((dispatch) => (options, handler) => {
      Object.assign(options.headers as object, { host: 'elsewhere.invalid', 'x-more': '1' });
      options.path = '/elsewhere';
      return dispatch(options, handler);
    });
    const other = await bootPush({ baseUrl: url, dispatcher: meddling });
    hosts.length = 0;
    await other.push.toAccount(message);
    await app.push.toAccount(message);
    await other.close();
    await meddling.close();
    expect(hosts).toEqual(['elsewhere.invalid', new URL(url).host]);
  });

  it('is reported to each subscriber in events of its own', async () => {
    answer = (response) => response.writeHead(503).end();
    const addresses: unknown[] = [];
    const onCall = (event: unknown) => {
      const { server: target } = event as { server: { address: string } };
      addresses.push(target.address);
      target.address = 'elsewhere';
    };
    subscribe('tracing:mimc:call:start', onCall);
    await errorOf(app.push.toAccount(message));
    await errorOf(app.push.toAccount(message));
    unsubscribe('tracing:mimc:call:start', onCall);
    expect(addresses).toEqual(['127.0.0.1', '127.0.0.1']);
    const seen = app.push.status();
    Object.assign(seen.lastFailure ?? {}, { code: 'MIMC_OTHER' });
    expect(app.push.status().lastFailure).toMatchObject({ code: 'MIMC_HTTP' });
  });
});

describe('a reply over the wire', () => {
  let server: RawServer;
  let app: PushApp;
  let reply: string;

  beforeAll(async () => {
    server = await startRawServer((socket, chunk) => chunk.endsWith('}') && socket.write(reply));
    app = await bootPush({ baseUrl: server.url, quota: false });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  const length = `content-length: ${success.length}`;
  const chunked = `${success.length.toString(16)}\r\n${success}\r\n0\r\n\r\n`;

  it.each([
    ['a length given twice', `${length}\r\n${length}\r\n\r\n${success}`],
    ['two lengths', `${length}\r\ncontent-length: 1\r\n\r\n${success}`],
    ['a list of lengths', `${length}, ${success.length}\r\n\r\n${success}`],
    ['a length and then chunks', `${length}\r\ntransfer-encoding: chunked\r\n\r\n${chunked}`],
    ['chunks and then a length', `transfer-encoding: chunked\r\n${length}\r\n\r\n${chunked}`],
  ])('with %s is a bad response', async (_name, rest) => {
    reply = `HTTP/1.1 200 OK\r\n${rest}`;
    const error = await errorOf(app.push.toAccount(message));
    expect(error).toMatchObject({ code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' });
  });

  it.each(['102 Processing', '103 Early Hints', `103 Early Hints\r\n${length}\r\ncontent-encoding: compress`])(
    'is read behind %j',
    async (interim) => {
      reply = `HTTP/1.1 ${interim}\r\n\r\n`.repeat(2) + httpReply('200 OK', success);
      await expect(app.push.toAccount(message)).resolves.toMatchObject({ packetId: 'p-1' });
    },
  );

  it('behind 100, which nobody asked for, is not read by undici: unknown', async () => {
    reply = `HTTP/1.1 100 Continue\r\n\r\n${httpReply('200 OK', success)}`;
    expect(await errorOf(app.push.toAccount(message))).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown' });
  });

  it('in chunks of one byte is put together, without an object for each', async () => {
    const body = JSON.stringify({ code: 400, message: `é${'x'.repeat(200_000)}` });
    const bytes = [...Buffer.from(body)].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
    const raw = await startRawServer((socket, chunk) => {
      if (chunk.endsWith('}')) {
        socket.write(Buffer.from(`HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n${bytes}0\r\n\r\n`, 'latin1'));
      }
    });
    const other = await bootPush({ baseUrl: raw.url });
    const error = await errorOf(other.push.toAccount(message));
    await other.close();
    await raw.close();
    expect(error.apiMessage).toBe(`é${'x'.repeat(499)}`);
  });
});

describe('names and tables', () => {
  it('a field that a caller names is shown without what is not seen', async () => {
    const app = await bootPush({});
    const error = await errorOf(app.push.toAccount({ ...message, 'a\n[Nest] LOG\u202e': 1 } as never));
    await app.close();
    const field = String.raw`a\n[Nest] LOG\u202e`;
    expect(error.violations).toMatchObject([{ field, message: `${field} is not a known field` }]);
    expect(error.message).toBe(`${field} is not a known field`);
  });

  it('the table of errors, which every application shares, cannot be changed', () => {
    expect(() => Object.assign(mimcErrorTable, { MIMC_AUTH: undefined })).toThrow(TypeError);
  });
});
