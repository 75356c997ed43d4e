import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import dns from 'node:dns';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MimcModuleOptions } from 'nestjs-mimc';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

const success = httpReply('200 OK', '{"code":200,"data":{"packetId":"p-1"},"message":"success"}');
/** On a busy machine nothing of this is quick. */
const patient = { connectMs: 60_000, responseMs: 60_000 };
const batchSuccess = httpReply('200 OK', '{"code":200,"data":{"packetIds":["p-1"]},"message":"success"}');
const to = (toAccount: string) => ({ toAccount, msg: 'hello' });

describe('maxConnections', () => {
  let server: RawServer;
  let app: PushApp;
  /** Requests that wait for an answer, oldest first. */
  let asked: Socket[];
  let onAsked: () => void;

  beforeEach(async () => {
    asked = [];
    onAsked = () => undefined;
    server = await startRawServer((socket, chunk) => {
      if (!chunk.endsWith('}')) return;
      asked.push(socket);
      onAsked();
    });
  });
  afterEach(async () => {
    await app.close();
    await server.close();
  });
  const boot = async (options: Partial<MimcModuleOptions>) => {
    app = await bootPush({ baseUrl: server.url, quota: false, shutdownMs: 0, ...options });
    return app.push;
  };
  const answer = () => asked.shift()?.write(success);
  const requests = () => [...server.received.matchAll(/"toAccount":"(\w+)"/g)].map(([, account]) => account);

  it('bounds the sockets, however many calls come at once, and every call gets its turn', async () => {
    onAsked = () => setTimeout(answer, 100);
    // All calls together take far longer than one may take to connect.
    const push = await boot({ maxConnections: 2, timeouts: { connectMs: 1_500 } });
    const accounts = Array.from({ length: 40 }, (_, index) => `a${index}`);
    await Promise.all(accounts.map((account) => push.toAccount(to(account))));
    expect(server.connections).toBe(2);
    expect(requests()).toEqual(accounts);
  });

  it('is 100 when not set', async () => {
    const push = await boot({ timeouts: patient, deadlineMs: 120_000 });
    const calls = Array.from({ length: 130 }, (_, index) => push.toAccount(to(`a${index}`)));
    await eventually(() => expect(asked).toHaveLength(100));
    onAsked = answer;
    for (const socket of asked.splice(0)) socket.write(success);
    await Promise.all(calls);
    expect(server.connections).toBe(100);
  });

  it('ends a call, not sent, when no connection becomes free within connectMs', async () => {
    const push = await boot({ maxConnections: 1, timeouts: { connectMs: 60 } });
    const first = push.toAccount(to('first'));
    const error = await errorOf(push.toAccount(to('second')));
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', retryable: true });
    expect(error.message).toContain('none of the 1 in use became free within 60 ms');
    answer();
    await first;
    expect(requests()).toEqual(['first']);
  });

  it('does not hold against a call that the process was too busy to read the answer before it', async () => {
    const push = await boot({ maxConnections: 1, timeouts: { connectMs: 60 } });
    onAsked = () => {
      answer();
      const until = performance.now() + 200;
      while (performance.now() < until);
    };
    await Promise.all([push.toAccount(to('first')), push.toAccount(to('second'))]);
    expect(requests()).toEqual(['first', 'second']);
  });

  it('lets a call that waits be aborted, or reach its deadline, unsent, and gives its turn to the next', async () => {
    const push = await boot({ maxConnections: 1, timeouts: patient });
    const first = push.toAccount(to('first'));
    const abort = new AbortController();
    const aborted = errorOf(push.toAccount(to('second'), { signal: abort.signal }));
    const late = errorOf(push.toAccount(to('third'), { deadlineMs: 50 }));
    const fourth = push.toAccount(to('fourth'));
    abort.abort();
    expect(await aborted).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    expect(await late).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
    onAsked = answer;
    answer();
    await Promise.all([first, fourth]);
    expect(requests()).toEqual(['first', 'fourth']);
  });

  it('ends calls that wait at shutdown, unsent and at once, while the one in flight finishes', async () => {
    const push = await boot({ maxConnections: 1, timeouts: patient, shutdownMs: 60_000 });
    const first = push.toAccount(to('first'));
    const others = ['second', 'third'].map((account) => errorOf(push.toAccount(to(account))));
    await eventually(() => expect(asked).toHaveLength(1));
    const closing = app.close();
    for (const error of await Promise.all(others)) {
      expect(error).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    }
    answer();
    await expect(first).resolves.toMatchObject({ packetId: 'p-1' });
    await closing;
    expect(requests()).toEqual(['first']);
    expect(app.log.join()).toContain('waiting for 1 call in flight, rejected 2 calls in the queue');
  });

  it('lets admissionSignal end calls that wait, and not the one in flight, and keeps no slot', async () => {
    const push = await boot({ maxConnections: 1, timeouts: patient, retry: { maxAttempts: 3 } });
    const { signal: admissionSignal, abort } = abortable();
    const first = push.toAccount(to('first'), { admissionSignal });
    const others = ['second', 'third'].map((account) => errorOf(push.toAccount(to(account), { admissionSignal })));
    await eventually(() => expect(asked).toHaveLength(1));
    abort();
    for (const error of await Promise.all(others)) {
      expect(error).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent' });
    }
    onAsked = answer;
    answer();
    await first;
    await push.toAccount(to('fourth'));
    expect(requests()).toEqual(['first', 'fourth']);
  });

  it('sends no more of a broadcast that is stopped while chunks of it wait', async () => {
    await boot({ maxConnections: 1, timeouts: patient });
    const { signal, abort } = abortable();
    const audience = Array.from({ length: 20 }, (_, index) => `a${index}`);
    const options = { signal, chunkSize: 1, concurrency: 5 };
    const end = app.broadcasts.toAccounts(audience, { msg: 'hello' }, options).drain();
    await eventually(() => expect(asked).toHaveLength(1));
    abort();
    onAsked = answer;
    asked.shift()?.write(batchSuccess);
    expect(await end).toMatchObject({ accepted: 1, stoppedBy: 'abort' });
    expect([...server.received.matchAll(/"toAccounts"/g)]).toHaveLength(1);
  });

  it('lets interactive calls go first, and bulk have every tenth turn', async () => {
    const push = await boot({ maxConnections: 1, timeouts: patient, deadlineMs: 120_000 });
    const first = push.toAccount(to('first'));
    await eventually(() => expect(asked).toHaveLength(1));
    const bulk = ['b0', 'b1', 'b2'];
    const interactive = Array.from({ length: 12 }, (_, index) => `i${index}`);
    const calls = [
      ...bulk.map((account) => push.toAccount(to(account), { priority: 'bulk' })),
      ...interactive.map((account) => push.toAccount(to(account))),
    ];
    onAsked = answer;
    answer();
    await Promise.all([first, ...calls]);
    expect(requests()).toEqual(['first', ...interactive.slice(0, 9), 'b0', ...interactive.slice(9), 'b1', 'b2']);
  });

  it('does not count failures to connect as movement', async () => {
    // Accepts connections, and never answers the handshake of TLS.
    const baseUrl = server.url.replace('http:', 'https:');
    const push = await boot({ baseUrl, maxConnections: 2, timeouts: { connectMs: 300 } });
    // Calls fail to connect at two instants, less than connectMs apart.
    const calls = [errorOf(push.toAccount(to('a')))];
    await sleep(150);
    calls.push(...Array.from({ length: 9 }, () => errorOf(push.toAccount(to('b')))));
    const errors = await Promise.all(calls);
    for (const error of errors) expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    const waitedInVain = errors.filter(({ message }) => message.includes('none of the 2 in use became free'));
    expect(waitedInVain.length).toBeGreaterThan(4);
  });

  it('frees the connection of every call that fails', async () => {
    const push = await boot({ maxConnections: 1, timeouts: { responseMs: 30 } });
    const calls = ['a', 'b', 'c'].map((account) => errorOf(push.toAccount(to(account))));
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'MIMC_TIMEOUT' });
    onAsked = answer;
    asked = [];
    await push.toAccount(to('d'));
    expect(requests()).toEqual(['a', 'b', 'c', 'd']);
  });
});

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Listens, and accepts nothing until it is woken: a host that answers a SYN late. */
const SLOW_HOST = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:http').createServer((request, response) =>
    request.resume().on('end', () => response.end('{"code":200,"data":{"packetId":"p-1"},"message":"success"}')));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(workerData, 0, 0));
  });`;

describe('a host with two addresses', () => {
  const lookup = dns.lookup;
  afterEach(() => void (dns.lookup = lookup));

  it('may take as long to connect as connectMs says, not the 250 ms that Node.js gives one address', async () => {
    const asleep = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(SLOW_HOST, { eval: true, workerData: asleep });
    const [port] = (await once(worker, 'message')) as [number];
    const fillers = await fillBacklog(port);
    const addresses = [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ];
    const twoAddresses = (_host: string, _options: object, done: (error: null, found: object) => void) =>
      done(null, addresses);
    dns.lookup = twoAddresses as unknown as typeof dns.lookup;
    const app = await bootPush({ baseUrl: `http://localhost:${port}`, timeouts: { connectMs: 30_000 } });
    const call = app.push.toAccount(to('alice'));
    await sleep(500);
    Atomics.store(asleep, 0, 1);
    Atomics.notify(asleep, 0);
    await expect(call).resolves.toMatchObject({ packetId: 'p-1' });
    fillers.forEach((socket) => socket.destroy());
    await app.close();
    await worker.terminate();
  });
});

/** Connects until the kernel takes no more. */
async function fillBacklog(port: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let connected = true; connected;) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    connected = await Promise.race([once(socket, 'connect').then(() => true), sleep(300, false)]);
  }
  return sockets;
}
