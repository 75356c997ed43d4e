import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { MimcModuleOptions, PushOptions } from 'nestjs-mimc';
import { Agent } from 'undici';
import { eventually } from '../support/eventually.js';
import { loopbackCertificate } from '../support/loopback-certificate.js';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';
import { block, ThreadServer } from '../support/thread-server.js';

const dto = { toAccount: 'alice', msg: 'hello' };
const SUCCESS = '{"code":200,"data":{"packetId":"p"},"message":"success"}';

/** Many reads of a socket long. */
const LONG = `${SUCCESS.slice(0, -1)},"more":"${'x'.repeat(2_000_000)}"}`;

/** The limits of these tests, all passed after this many milliseconds. */
const PASSED_MS = 1_300;

describe('a time limit that is noticed late', () => {
  let server: ThreadServer;
  let app: PushApp;

  afterEach(async () => {
    await app.close();
    await server.close();
  });

  const boot = async (options: Partial<MimcModuleOptions>, reply = SUCCESS, tls = false) => {
    server = await ThreadServer.start(reply, tls ? loopbackCertificate : undefined);
    const dispatcher = new Agent({ connect: { ca: loopbackCertificate.cert } });
    app = await bootPush({ baseUrl: server.url, ...(tls && { dispatcher }), ...options });
    // On a connection that is open already, or not even its handshake would end while the loop is blocked.
    server.answering = true;
    await app.push.toAccount(dto);
    server.answering = false;
  };
  /** A call whose answer comes, and whose time limits pass, while the loop is blocked. */
  const pushBlocked = async (options?: PushOptions) => {
    const call = app.push.toAccount(dto, options);
    call.catch(() => undefined);
    await eventually(() => expect(server.requests).toBe(2));
    await server.answerWhileBlocked(PASSED_MS);
    return call;
  };

  it.each([
    ['plain', SUCCESS, false],
    ['plain and long', LONG, false],
    ['TLS', SUCCESS, true],
    ['TLS and long', LONG, true],
  ])('is not applied to a response that is there (%s), which at-least-once would repeat', async (_kind, reply, tls) => {
    await boot({ timeouts: { responseMs: 1_000 } }, reply, tls);
    const retry = { delivery: 'at-least-once', baseDelayMs: 0 } as const;
    await expect(pushBlocked({ retry })).resolves.toMatchObject({ packetId: 'p', attempts: 1, mayBeDuplicate: false });
    expect(server.requests).toBe(2);
  });

  it.each([
    ['deadlineMs', () => ({ deadlineMs: 1_000 })],
    ['AbortSignal.timeout', () => ({ signal: AbortSignal.timeout(1_000) })],
  ])('does not end a call whose answer is there: %s', async (_limit, options) => {
    await boot({});
    await expect(pushBlocked(options())).resolves.toMatchObject({ packetId: 'p', attempts: 1 });
  });

  it('does not end a call whose answer is there: shutdownMs', async () => {
    await boot({ shutdownMs: 1_000 });
    const call = app.push.toAccount(dto);
    await eventually(() => expect(server.requests).toBe(2));
    const closed = app.close();
    await sleep(0);
    await server.answerWhileBlocked(PASSED_MS);
    await closed;
    await expect(call).resolves.toMatchObject({ packetId: 'p', attempts: 1 });
  });

  it('does not refuse a connection that is up: connectMs', async () => {
    server = await ThreadServer.start(SUCCESS);
    server.answering = true;
    app = await bootPush({ baseUrl: server.url, timeouts: { connectMs: 1_000 } });
    const call = app.push.toAccount(dto);
    call.catch(() => undefined);
    // The request waits for its connection, which the kernel makes by itself.
    await new Promise((resolve) => setImmediate(resolve));
    block(PASSED_MS);
    await expect(call).resolves.toMatchObject({ packetId: 'p', attempts: 1 });
  });

  it('still ends a call whose answer is not there', async () => {
    await boot({ timeouts: { responseMs: 1_000 } });
    const call = errorOf(app.push.toAccount(dto));
    await eventually(() => expect(server.requests).toBe(2));
    block(PASSED_MS);
    expect(await call).toMatchObject({ code: 'MIMC_TIMEOUT', outcome: 'unknown', attempts: 1 });
  });

  it('does not send what was not dispatched before the deadline', async () => {
    await boot({ quota: { accountsPerSecond: 1 } });
    const call = errorOf(app.push.toAccount(dto, { deadlineMs: 1_500 }));
    block(1_700);
    expect(await call).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent', attempts: 0 });
    expect(server.requests).toBe(1);
  });
});
