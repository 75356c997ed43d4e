import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { collectGarbage, heapInUse } from '../stress/chaos/process-watch.js';
import { BroadcastApp, startBroadcasts, storedAudiences, until } from '../support/broadcast-app.js';

const LINES = 200_000;
const ACCOUNTS = { kind: 'accounts', msg: 'hello' };
const MAX_UPLOAD_BYTES = 4 * 1024 * 1024;

describe('sample API broadcast uploads', () => {
  let sample: BroadcastApp;

  beforeAll(async () => {
    sample = await startBroadcasts({ maxUploadBytes: MAX_UPLOAD_BYTES, maxLineBytes: 100 });
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(async () => {
    await sample.close();
  });

  it('as text have a recipient in each line, whatever its end, and blank lines', async () => {
    const { headers, body } = await sample
      .upload(
        { ...ACCOUNTS, id: 'text', isStore: 'true', bizType: 'NEWS', chunkSize: '2' },
        '\uFEFFalice\r\n\n bob \n用户',
      )
      .expect(202);
    expect(headers.location).toBe('/broadcasts/text');
    expect(body.total).toBe(3);

    await sample.reaches('text', 'done');
    expect(sample.emulator.inbox('alice')[0]).toMatchObject({ text: 'hello', isStore: true, bizType: 'NEWS' });
    for (const account of ['alice', 'bob', '用户']) expect(sample.emulator.count(account)).toBe(1);
    expect(sample.emulator.totals.requests).toBe(2);
  });

  it('as NDJSON may name what a line of text cannot', async () => {
    const { body } = await sample
      .upload(ACCOUNTS, '"a\\nb"\n" c "\n""\n"d\u2028e"\n"f"\n', 'application/x-ndjson; charset=utf-8')
      .expect(202);
    const { progress, failures } = await sample.reaches(body.id, 'done');
    expect(progress).toMatchObject({ accepted: 2, invalid: 3 });
    for (const account of [' c ', 'f']) expect(sample.emulator.count(account)).toBe(1);
    // These are not accounts, and are reported all the same.
    expect(failures.flatMap(({ recipients }) => recipients)).toEqual(['a\nb', '', 'd\u2028e']);
  });

  it('as NDJSON name groups by bare integers, to the digit', async () => {
    const topics = { kind: 'topics', msg: 'hello' };
    const lines = '21351198708203521\n"7"\n9223372036854775807\n9223372036854775808\n';
    const { body } = await sample.upload(topics, lines, 'application/x-ndjson').expect(202);
    const { progress } = await sample.reaches(body.id, 'done');
    expect(progress).toMatchObject({ accepted: 3, invalid: 1 });
    expect(sample.emulator.topicCount('21351198708203521')).toBe(1);
  });

  it.each<{ query: Record<string, string>; field: string; rule: string }>([
    { query: { msg: 'hello' }, field: 'kind', rule: 'isIn' },
    { query: { kind: 'accounts' }, field: 'msg', rule: 'isString' },
    { query: { ...ACCOUNTS, isStore: 'yes' }, field: 'isStore', rule: 'isBoolean' },
    { query: { ...ACCOUNTS, msgType: 'base64', msg: '!' }, field: 'msg', rule: 'isBase64' },
    { query: { ...ACCOUNTS, chunkSize: 'x' }, field: 'chunkSize', rule: 'isInt' },
    { query: { ...ACCOUNTS, chunkSize: '0' }, field: 'chunkSize', rule: 'min' },
    { query: { ...ACCOUNTS, color: 'red' }, field: 'color', rule: 'whitelistValidation' },
  ])('are refused for their query: $field $rule', async ({ query, field, rule }) => {
    const { body } = await sample.upload(query, 'alice\n').expect(400);
    expect(body).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(body.violations[0]).toEqual({ field, rule, message: expect.stringContaining(field) });
  });

  it.each([
    { what: 'no string', lines: '"a"\n7\n', field: 'line 2', rule: 'isRecipient' },
    { what: 'broken JSON', lines: '"a"\n"b"\n"c\n', field: 'line 3', rule: 'isRecipient' },
    { what: 'no UTF-8', lines: Buffer.from([0x22, 0xff, 0x22]), field: 'line 1', rule: 'isUtf8' },
  ])('are refused as a whole for a line that is $what, which is named', async ({ lines, field, rule }) => {
    const { body } = await sample.upload(ACCOUNTS, lines, 'application/x-ndjson').expect(400);
    expect(body.violations).toEqual([{ field, rule, message: expect.stringMatching(/^Line \d must be/) }]);
    expect(sample.emulator.totals.requests).toBe(0);
  });

  it('are refused when they name nobody', async () => {
    const { body } = await sample.upload(ACCOUNTS, '\n \n').expect(400);
    expect(body.violations[0]).toMatchObject({ rule: 'arrayMinSize' });
  });

  it('are refused with 413 for a line that is too long, which is named', async () => {
    const { body } = await sample.upload(ACCOUNTS, `a\n${'x'.repeat(101)}\n`).expect(413);
    expect(body.message).toBe('Line 2 must not be longer than 100 bytes');
    await sample.upload(ACCOUNTS, `a\n${'x'.repeat(100)}\r\n`).expect(202);
  });

  it('are refused with 413 when they are too large, whether they declare their length or not', async () => {
    const size = MAX_UPLOAD_BYTES + 1;
    const declared = await send(sample.url, repeated('0123456789abcde\n', size), { 'content-length': '999999999' });
    const undeclared = await send(sample.url, repeated('0123456789abcde\n', size + 65_536));
    for (const { status, body } of [declared, undeclared]) {
      expect(status).toBe(413);
      expect(body).toContain(`must not be larger than ${MAX_UPLOAD_BYTES} bytes`);
    }
  });

  it('leave no file when they are refused or done', async () => {
    await sample.upload(ACCOUNTS, 'a\n', 'application/x-ndjson').expect(400);
    const { body } = await sample.upload(ACCOUNTS, 'a\n').expect(202);
    await sample.reaches(body.id, 'done');
    await until(() => storedAudiences().length === 1);
    expect(storedAudiences()).toEqual([expect.not.stringContaining('/')]);
  });

  it('leave no file when the client breaks off', async () => {
    const request = httpRequest(`${sample.url}/broadcasts?kind=accounts&msg=hello&id=broken`, upload());
    request.on('error', () => undefined);
    request.write('alice\n'.repeat(10_000));
    await until(() => storedAudiences().length === 2);
    request.destroy();
    await until(() => storedAudiences().length === 1);
    await sample.get('/broadcasts/broken').auth('demo-key', { type: 'bearer' }).expect(404);
    expect(sample.emulator.totals.requests).toBe(0);
  });

  it(`of ${LINES} lines keep memory flat`, async () => {
    const begin = await heapInUse();
    const inUse: number[] = [];
    const measured = accounts(LINES, () => {
      // What is in use, not what a busy machine has not collected yet.
      collectGarbage();
      inUse.push(process.memoryUsage().heapUsed - begin);
    });
    const { status, body } = await send(sample.url, measured, {}, 'id=large&startAt=2126-01-01T00:00:00Z');
    process.stdout.write(`heap of an upload, in MB: ${inUse.map((bytes) => (bytes / 1e6).toFixed(1)).join(', ')}\n`);

    expect(status).toBe(202);
    expect(JSON.parse(body)).toMatchObject({ id: 'large', total: LINES });
    expect(inUse).toHaveLength(8);
    // As strings in an array they would be some 12 MB.
    expect(Math.max(...inUse)).toBeLessThan(4_000_000);
    await sample.cancel('large').expect(200);
  });
});

function upload(headers: Record<string, string> = {}) {
  const authorization = 'Bearer demo-key';
  // A connection of its own, as one that was left in the middle of a body cannot serve the next.
  return { method: 'POST', agent: false, headers: { authorization, 'content-type': 'text/plain', ...headers } };
}

/** Not by supertest, which takes no stream of any length, nor an answer before the body's end. */
async function send(
  url: string,
  body: Iterable<string>,
  headers: Record<string, string> = {},
  query = '',
): Promise<{ status: number | undefined; body: string }> {
  const request = httpRequest(`${url}/broadcasts?kind=accounts&msg=hello&${query}`, upload(headers));
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  // The server may hang up on what it does not want.
  const sent = pipeline(Readable.from(body), request).catch(() => undefined);
  const [response] = await answered;
  const answer = await text(response);
  request.destroy();
  await sent;
  return { status: response.statusCode, body: answer };
}

function* repeated(line: string, bytes: number): Generator<string> {
  const block = line.repeat(1_000);
  for (let sent = 0; sent < bytes; sent += block.length) yield block;
}

/** Calls `onPart` after each eighth. */
function* accounts(count: number, onPart: () => void): Generator<string> {
  for (let index = 0; index < count; index += 50) {
    yield Array.from({ length: 50 }, (_, offset) => `user-${index + offset}\n`).join('');
    if ((index + 50) % (count / 8) === 0) onPart();
  }
}
