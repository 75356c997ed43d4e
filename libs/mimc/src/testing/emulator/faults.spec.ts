import { afterEach, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHAOS_FAULTS, RandomFaults } from './chaos.js';
import { acceptsUnder, type EmulatorFault, type EmulatorFaultKind } from './faults.js';
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

function pushBody(emulator: MimcEmulator, fields: object = {}): string {
  return JSON.stringify({ ...emulator.credentials, fromAccount: 'shop', toAccount: 'a', msg: 'hello', ...fields });
}

function push(emulator: MimcEmulator, signal?: AbortSignal): Promise<Response> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: pushBody(emulator) };
  return fetch(`${emulator.url}/api/push/p2p/`, { ...init, redirect: 'manual', ...(signal && { signal }) });
}

async function pushUnder(fault: EmulatorFault, options?: MimcEmulatorOptions) {
  const emulator = await start(options);
  emulator.failNext(fault);
  const response = await push(emulator);
  return { emulator, response, text: await response.text() };
}

/** Pushes over a socket of its own and collects what comes until the connection ends, until `enough`, or a time limit. */
async function pushRaw(
  emulator: MimcEmulator,
  enough: (seen: string) => boolean = () => false,
  giveUp: () => Promise<void> = () => new Promise(() => {}),
) {
  const socket = connect(emulator.port, '127.0.0.1');
  const body = pushBody(emulator);
  const packets: string[] = [];
  let failure: string | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code));
  const done = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.on('data', (chunk) => {
      packets.push(chunk.toString());
      if (enough(packets.join(''))) resolve();
    });
  });
  socket.write(
    `POST /api/push/p2p/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await Promise.race([done, giveUp()]);
  const closed = socket.closed;
  socket.destroy();
  return { packets, seen: packets.join(''), failure, closed };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

describe('a scripted answer', () => {
  it('is an envelope code under HTTP 200', async () => {
    const { emulator, response, text } = await pushUnder({ kind: 'code', code: 500, message: 'push fail' });
    expect([response.status, JSON.parse(text)]).toEqual([200, { code: 500, message: 'push fail', data: null }]);
    expect(emulator.requests[0]).toMatchObject({ fault: 'code', status: 200, code: 500, accepted: false });
    expect(emulator.totals).toMatchObject({ faulted: 1, refused: 0, accepted: 0 });
  });

  it('is an envelope code under a status of its own, with Retry-After', async () => {
    const { response } = await pushUnder({ kind: 'code', code: 429, httpStatus: 503, retryAfter: '7' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '7']);
  });

  it('is an envelope code that the status mirrors', async () => {
    const { response } = await pushUnder({ kind: 'code', code: 403 }, { errorStatus: 'mirror' });
    expect(response.status).toBe(403);
  });

  it('is the normal success under a failing status', async () => {
    const { emulator, response, text } = await pushUnder({ kind: 'code', code: 200, httpStatus: 500 });
    expect([response.status, JSON.parse(text).data.packetId]).toEqual([500, emulator.inbox('a')[0]?.packetId]);
  });

  it('is a status with a body and headers', async () => {
    const fault = {
      kind: 'status',
      status: 307,
      body: 'moved',
      location: '/elsewhere',
      headers: { 'X-A': '1' },
    } as const;
    const { response, text, emulator } = await pushUnder(fault);
    expect([response.status, text]).toEqual([307, 'moved']);
    expect([response.headers.get('location'), response.headers.get('x-a')]).toEqual(['/elsewhere', '1']);
    expect(emulator.requests[0]).not.toHaveProperty('code');
  });

  it('is an HTML page', async () => {
    const { response, text } = await pushUnder({ kind: 'html', status: 503 });
    expect([response.status, response.headers.get('content-type')]).toEqual([503, 'text/html']);
    expect(text).toContain('<title>503 Service Unavailable</title>');
  });

  it.each([200, 204])('is empty under %s', async (status) => {
    const { response, text } = await pushUnder({ kind: 'empty', status });
    expect([response.status, text]).toEqual([status, '']);
  });

  it('is garbage of the length asked for', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'garbage', bytes: 100_000 });
    const bytes = new Uint8Array(await (await push(emulator)).arrayBuffer());
    expect([bytes.length, bytes[0]]).toEqual([100_000, 0xff]);
  });

  it('is any text', async () => {
    const body = '{"code":200,"data":{"packetId":90071992547409931},"message":"success"}';
    const { response, text, emulator } = await pushUnder({ kind: 'body', body });
    expect([response.status, text, emulator.count('a')]).toEqual([200, body, 1]);
  });

  it.each([
    ['raw', (body: string) => body],
    ['json', (body: string) => JSON.stringify(body).replaceAll('/', String.raw`\/`)],
    ['url', encodeURIComponent],
  ] as const)('repeats the request, %s', async (form, encode) => {
    const { text, emulator } = await pushUnder({ kind: 'echo', form });
    expect(JSON.parse(text)).toMatchObject({ code: 400, data: null });
    expect(JSON.parse(text).message).toContain(encode(pushBody(emulator)));
  });

  it('is half the JSON in valid HTTP', async () => {
    const { response, text } = await pushUnder({ kind: 'truncate' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(text.length)]);
    expect(text).toMatch(/^\{"code":200/);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });
});

describe('a scripted disturbance', () => {
  it('delays the normal answer', async () => {
    const before = performance.now();
    const { text } = await pushUnder({ kind: 'delay', ms: 30 });
    expect(JSON.parse(text).code).toBe(200);
    expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  });

  it.each([true, false])('hangs before the headers (accepted: %s)', async (accepted) => {
    const emulator = await start();
    emulator.failNext({ kind: 'hang', accepted });
    const abort = new AbortController();
    const pushing = push(emulator, abort.signal);
    await until(() => emulator.totals.requests === 1);
    abort.abort();
    await expect(pushing).rejects.toThrow('aborted');
    expect(emulator.count('a')).toBe(Number(accepted));
    expect(emulator.requests[0]).toMatchObject({ fault: 'hang', accepted });
    expect(emulator.requests[0]).not.toHaveProperty('status');
  });

  it('stalls half-way through the body', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'stall' });
    const { seen, closed } = await pushRaw(emulator, (text) => /\r\n\r\n\{"code":200/.test(text));
    const [head = '', body = ''] = seen.split('\r\n\r\n');
    expect(Number(/content-length: (\d+)/i.exec(head)?.[1])).toBeGreaterThan(body.length);
    expect(closed).toBe(false);
    expect(emulator.count('a')).toBe(1);
  });

  it('dribbles without end', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'dribble', everyMs: 1 });
    const spaces = /(?:1\r\n \r\n){3}/;
    const { packets, closed } = await pushRaw(emulator, (text) => spaces.test(text));
    expect(packets.length).toBeGreaterThan(10);
    expect(closed).toBe(false);
  });

  it('resets before the body is read: never accepted', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'reset', when: 'before-read' });
    expect(await pushRaw(emulator)).toMatchObject({ seen: '', failure: 'ECONNRESET' });
    expect(emulator.requests).toMatchObject([{ fault: 'reset', rawBody: '', accepted: false, endpoint: 'p2p' }]);
    expect(emulator.totals).toMatchObject({ requests: 1, faulted: 1, accepted: 0 });
  });

  it.each([true, false])('resets after the body was read (accepted: %s)', async (accepted) => {
    const emulator = await start();
    emulator.failNext({ kind: 'reset', when: 'after-read', accepted });
    expect(await pushRaw(emulator)).toMatchObject({ seen: '', failure: 'ECONNRESET' });
    expect(emulator.count('a')).toBe(Number(accepted));
    expect(emulator.requests[0]?.rawBody).toBe(pushBody(emulator));
  });

  it('cuts the connection short of the Content-Length', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'truncate', cut: 'connection' });
    const { seen, closed, failure } = await pushRaw(emulator);
    expect([closed, failure]).toEqual([true, undefined]);
    expect(seen).toMatch(/\r\n\r\n\{"code":200,[^}]*$/);
    emulator.failNext({ kind: 'truncate', cut: 'connection' });
    await expect(push(emulator).then((response) => response.text())).rejects.toThrow('terminated');
  });

  it('splits the answer into single bytes, headers and all', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'split' }, 2);
    const { packets, seen } = await pushRaw(emulator);
    expect(packets.length).toBeGreaterThan(5);
    expect(JSON.parse(seen.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 200, message: 'success' });
    const response = await push(emulator);
    expect(await response.json()).toMatchObject({ code: 200 });
    expect(emulator.count('a')).toBe(2);
  });

  it.each([
    [{ kind: 'close-idle' }, 'keep-alive'],
    [{ kind: 'close-idle', afterMs: 5 }, 'keep-alive'],
    [{ kind: 'close-idle', announce: true }, 'close'],
  ] as const)('closes the connection after the normal answer: %j', async (fault, header) => {
    const emulator = await start();
    emulator.failNext(fault);
    const { seen, closed, failure } = await pushRaw(emulator);
    expect(seen).toContain('"message":"success"');
    expect(seen).toMatch(new RegExp(`connection: ${header}\r\n`, 'i'));
    expect([closed, failure]).toEqual([true, undefined]);
  });
});

describe('the script', () => {
  it('plays faults in order, each as often as given, then stops', async () => {
    const emulator = await start();
    emulator.failNext(
      [
        { kind: 'code', code: 1 },
        { kind: 'code', code: 2 },
      ],
      2,
    );
    emulator.failNext({ kind: 'code', code: 3 });
    const codes: unknown[] = [];
    for (let n = 0; n < 6; n++) codes.push(((await (await push(emulator)).json()) as { code: number }).code);
    expect(codes).toEqual([1, 2, 1, 2, 3, 200]);
  });

  it('spends no fault on other paths and methods', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'code', code: 1 });
    expect([(await fetch(emulator.url)).status, (await fetch(`${emulator.url}/api/push/p2p`)).status]).toEqual([
      404, 405,
    ]);
    expect(await (await push(emulator)).json()).toMatchObject({ code: 1 });
  });

  it('plays a fault on the requests a rule picks, after the queue', async () => {
    const emulator = await start();
    const stop = emulator.faultWhen(({ rawBody }) => rawBody.includes('"a"'), { kind: 'code', code: 7 });
    emulator.failNext({ kind: 'code', code: 1 });
    const codeOf = async () => ((await (await push(emulator)).json()) as { code: number }).code;
    expect([await codeOf(), await codeOf()]).toEqual([1, 7]);
    stop();
    expect(await codeOf()).toBe(200);
    expect(() => emulator.faultWhen(() => true, { kind: 'reset', when: 'before-read' })).toThrow(TypeError);
  });

  it.each([
    [{ kind: 'status', status: 101 }, 'status'],
    [{ kind: 'status', status: 600 }, 'status'],
    [{ kind: 'code', code: 1.5 }, 'code'],
    [{ kind: 'delay', ms: -1 }, 'ms'],
    [{ kind: 'dribble', everyMs: 0 }, 'everyMs'],
    [{ kind: 'code', code: 1, retryAfter: '1\n2' }, 'retry-after'],
  ] as const)('refuses %j when it is scripted', async (fault, field) => {
    const emulator = await start();
    expect(() => emulator.failNext(fault)).toThrow(field);
  });

  it('never delivers an invalid request, whatever the fault says', async () => {
    const emulator = await start();
    emulator.failNext({ kind: 'html', accepted: true });
    const headers = { 'content-type': 'application/json' };
    const body = pushBody(emulator, { msgType: 'x' });
    const { status } = await fetch(`${emulator.url}/api/push/p2p/`, { method: 'POST', headers, body });
    expect(status).toBe(502);
    expect(emulator.totals).toMatchObject({ accepted: 0, refused: 1, faulted: 1 });
  });

  it.each<[boolean, EmulatorFault]>([
    [false, { kind: 'code', code: 500 }],
    [true, { kind: 'code', code: 200 }],
    [true, { kind: 'code', code: 500, accepted: true }],
    [false, { kind: 'status', status: 500 }],
    [false, { kind: 'html' }],
    [true, { kind: 'html', accepted: true }],
    [true, { kind: 'delay', ms: 1 }],
    [true, { kind: 'hang' }],
    [true, { kind: 'stall' }],
    [true, { kind: 'dribble' }],
    [true, { kind: 'truncate' }],
    [false, { kind: 'reset', when: 'before-read' }],
    [true, { kind: 'reset', when: 'after-read' }],
    [true, { kind: 'empty' }],
    [false, { kind: 'empty', status: 500 }],
    [true, { kind: 'garbage' }],
    [false, { kind: 'garbage', accepted: false }],
    [true, { kind: 'split' }],
    [true, { kind: 'body', body: '' }],
    [false, { kind: 'body', body: '', status: 500 }],
    [false, { kind: 'echo' }],
    [true, { kind: 'close-idle' }],
  ])('accepted is %s by default under %j', (accepted, fault) => {
    expect(acceptsUnder(fault)).toBe(accepted);
  });
});

describe('chaos', () => {
  const kinds: readonly EmulatorFaultKind[] = [
    ...(['code', 'status', 'html', 'delay', 'hang', 'stall', 'dribble', 'reset', 'truncate'] as const),
    ...(['empty', 'garbage', 'split', 'body', 'echo', 'close-idle'] as const),
  ];

  it('holds every kind of fault by default', () => {
    expect(new Set(CHAOS_FAULTS.map(({ kind }) => kind))).toEqual(new Set(kinds));
  });

  it('draws the same faults for the same seed, about as often as configured', () => {
    const draw = (seed: number, rate: number) => {
      const random = new RandomFaults({ seed, rate });
      return Array.from({ length: 10_000 }, () => random.draw());
    };
    const faults = draw(42, 0.3);
    expect(draw(42, 0.3)).toEqual(faults);
    expect(draw(43, 0.3)).not.toEqual(faults);
    expect(faults.filter(Boolean).length / faults.length).toBeCloseTo(0.3, 1);
    expect(new Set(faults.map((fault) => fault?.kind))).toEqual(new Set([undefined, ...kinds]));
    expect(draw(1, 0).some(Boolean)).toBe(false);
    expect(draw(1, 1).every(Boolean)).toBe(true);
  });

  it('applies the same fault to the same request in every run', async () => {
    const run = async () => {
      const faults: EmulatorFault[] = [{ kind: 'code', code: 500 }, { kind: 'empty' }, { kind: 'delay', ms: 1 }];
      const emulator = await start({ chaos: { seed: 7, rate: 0.5, faults } });
      for (let n = 0; n < 60; n++) await (await push(emulator)).text();
      return emulator.requests.map(({ fault }) => fault);
    };
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    expect(new Set(first)).toEqual(new Set([undefined, 'code', 'empty', 'delay']));
  });

  it('answers or fails every call under the default mix, and its ledger adds up', async () => {
    const emulator = await start({ chaos: { seed: 3, rate: 0.8 } });
    const giveUp = (): Promise<void> => sleep(250);
    const worker = async () => {
      for (let n = 0; n < 10; n++) await pushRaw(emulator, (seen) => seen.endsWith('}'), giveUp);
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    expect(emulator.totals.requests).toBe(200);
    expect(emulator.count('a')).toBe(emulator.requests.filter(({ accepted }) => accepted).length);
    const normal = emulator.requests.filter(({ fault }) => fault === undefined);
    expect(normal.every(({ accepted, code }) => accepted && code === 200)).toBe(true);
  });

  it('gives way to scripted faults', async () => {
    const emulator = await start({ chaos: { seed: 1, rate: 1, faults: [{ kind: 'empty' }] } });
    emulator.failNext({ kind: 'code', code: 1 });
    expect(await (await push(emulator)).json()).toMatchObject({ code: 1 });
    expect(await (await push(emulator)).text()).toBe('');
  });
});

it('leaves no timer and no socket behind on close, whatever was in flight', async () => {
  const emulator = await start();
  const faults: EmulatorFault[] = [
    { kind: 'delay', ms: 60_000 },
    { kind: 'dribble', everyMs: 1 },
    { kind: 'close-idle', afterMs: 60_000 },
    { kind: 'hang' },
    { kind: 'stall' },
  ];
  emulator.failNext(faults);
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const sockets = faults.map(() => {
    const socket = connect(emulator.port, '127.0.0.1').on('error', () => {});
    const body = pushBody(emulator);
    socket.resume();
    socket.write(
      `POST /api/push/p2p HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await until(() => emulator.totals.requests === faults.length);
  await emulator.close();
  await Promise.all(sockets);
  expect(emulator.connections).toBe(0);
  expect(timers()).toBeLessThanOrEqual(before);
});
