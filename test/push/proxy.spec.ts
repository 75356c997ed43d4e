import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mimcConfig, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { Agent } from 'undici';
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.js';
import { loopbackCertificate } from '../support/loopback-certificate.js';
import { bootPush, errorOf, formsOf, type PushApp, secrets } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };
const VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'MIMC_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

describe('proxy', () => {
  let mimc: MimcEmulator;
  let proxy: ConnectProxy;
  let app: PushApp | undefined;

  beforeEach(async () => {
    for (const name of VARIABLES) delete process.env[name];
    mimc = await MimcEmulator.start({ credentials: secrets });
    proxy = await startConnectProxy();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const name of VARIABLES) delete process.env[name];
    await app?.close();
    await proxy.close();
    await mimc.close();
  });

  const boot = async (options: Partial<MimcModuleOptions>) => {
    app = await bootPush({ baseUrl: mimc.url, ...options });
    return app.push;
  };
  /** Puts another proxy in place of the one that makes tunnels. */
  const refuseBy = async (answer: Parameters<typeof startConnectProxy>[0]) => {
    await proxy.close();
    proxy = await startConnectProxy(answer);
    return `http://${proxy.host}`;
  };
  const target = () => new URL(mimc.url).host;

  it('tunnels every push, with the user and password of its URL', async () => {
    const push = await boot({ proxy: `http://us%40er:pa%3Ass@${proxy.host}`, maxConnections: 1 });
    await push.toAccount(dto);
    const authorization = `Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`;
    expect(proxy.asked).toEqual([{ target: target(), authorization }]);
    await push.toAccount(dto);
    expect(proxy.asked).toHaveLength(1);
    expect(mimc.inbox('alice')).toHaveLength(2);
  });

  it('carries TLS to the target, whose certificate is checked', async () => {
    const server = createServer(loopbackCertificate, (request, response) =>
      request.resume().on('end', () => response.end('{"code":200,"data":{"packetId":"p"},"message":""}')),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const push = await boot({ baseUrl, proxy: `http://${proxy.host}` });
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    const real = tls.connect;
    const trusting = (options: tls.ConnectionOptions) => real({ ...options, ca: loopbackCertificate.cert });
    jest.spyOn(tls, 'connect').mockImplementation(trusting as never);
    await expect(push.toAccount(dto)).resolves.toHaveProperty('packetId', 'p');
    server.closeAllConnections();
    server.close();
  });

  it('opens at most maxConnections tunnels', async () => {
    const push = await boot({ proxy: proxy.host, maxConnections: 2, quota: false });
    await Promise.all(Array.from({ length: 40 }, () => push.toAccount(dto)));
    expect(proxy.asked.length).toBeLessThanOrEqual(2);
  });

  it.each([
    ['HTTP_PROXY', {}, 1],
    ['http_proxy', { HTTP_PROXY: 'http://127.0.0.1:1' }, 1],
    ['http_proxy', { NO_PROXY: 'mimc.example, 127.0.0.1' }, 0],
    ['http_proxy', { no_proxy: '*' }, 0],
    ['http_proxy', { no_proxy: 'other.example' }, 1],
    ['HTTPS_PROXY', {}, 0],
  ])('"env" reads %s and %j as curl does', async (name, others, tunnels) => {
    Object.assign(process.env, others, { [name]: proxy.host });
    const push = await boot({ proxy: 'env' });
    await push.toAccount(dto);
    expect(proxy.asked).toHaveLength(tunnels);
  });

  it('is none unless it is set, whatever the environment says', async () => {
    process.env.HTTP_PROXY = `http://${proxy.host}`;
    await (await boot({})).toAccount(dto);
    expect(proxy.asked).toEqual([]);
  });

  it('comes from MIMC_PROXY', () => {
    process.env.MIMC_PROXY = `http://${proxy.host}`;
    expect(mimcConfig()).toHaveProperty('proxy', `http://${proxy.host}`);
  });

  it.each([407, 503])('that answers CONNECT with %d is named, and only a 407 is not retried', async (status) => {
    const url = await refuseBy((socket) => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`));
    const push = await boot({ proxy: url, retry: { maxAttempts: 2, baseDelayMs: 1 } });
    const error = await errorOf(push.toAccount(dto));
    expect(error.message).toContain(`${url} answered CONNECT with ${status}`);
    const wrong = { code: 'MIMC_CONFIG', retryable: false, attempts: 1 };
    const passing = { code: 'MIMC_CONNECT', retryable: true, attempts: 2 };
    expect(error).toMatchObject({ outcome: 'not-sent', ...(status === 407 ? wrong : passing) });
    expect(proxy.asked).toHaveLength(error.attempts);
  });

  it('that drops CONNECT ends the attempt, and gets one CONNECT for each', async () => {
    const url = await refuseBy((socket) => socket.destroy());
    const push = await boot({ proxy: url, retry: { maxAttempts: 2, baseDelayMs: 1 } });
    const error = await errorOf(push.toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', attempts: 2 });
    expect(error.message).toContain(`the proxy ${url} could not connect`);
    await sleep(100);
    expect(proxy.asked).toHaveLength(2);
  });

  it('that never answers CONNECT is given up after connectMs, and does not hold its connection', async () => {
    let silent = true;
    const url = await refuseBy((socket) => {
      if (!silent) socket.end('HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n');
    });
    const push = await boot({ proxy: url, maxConnections: 1, timeouts: { connectMs: 300 } });
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    silent = false;
    const codes: string[] = [];
    while (!codes.includes('MIMC_CONFIG') && codes.length < 20) codes.push((await errorOf(push.toAccount(dto))).code);
    expect(codes.at(-1)).toBe('MIMC_CONFIG');
  });

  it('that cannot be reached is named', async () => {
    await proxy.close();
    const error = await errorOf((await boot({ proxy: `http://u:secretword@${proxy.host}` })).toAccount(dto));
    proxy = await startConnectProxy();
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', retryable: true });
    expect(error.message).toContain('could not connect (ECONNREFUSED)');
    expect(formsOf(error)).not.toContain('secretword');
  });

  it.each([
    'ftp://proxy.example',
    'socks5://proxy.example:1080',
    'http://proxy.example/path',
    'http://us%zzer:secretword@proxy.example',
    '',
    'http://',
    'undefined',
    '"http://proxy.example:1080"',
    'http://us:secretword@proxy.example\n',
  ])('refuses %j at boot without showing it', async (wrong) => {
    const error = await errorOf(boot({ proxy: wrong }));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: 'proxy', rule: 'isProxy' }] });
    expect(formsOf(error)).not.toContain('secretword');
    process.env.HTTPS_PROXY = wrong;
    if (wrong === '') return;
    const inEnvironment = await errorOf(boot({ proxy: 'env' }));
    expect(inEnvironment.message).toContain('HTTPS_PROXY');
    expect(formsOf(inEnvironment)).not.toContain('secretword');
  });

  it('is refused together with a dispatcher', async () => {
    const error = await errorOf(boot({ proxy: 'env', dispatcher: new Agent() }));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: 'proxy', rule: 'isAlone' }] });
  });

  it('is refused off this machine when baseUrl is http', async () => {
    process.env.HTTP_PROXY = 'proxy.example:3128';
    for (const wrong of ['http://proxy.example:3128', 'env'])
      expect(await errorOf(boot({ proxy: wrong }))).toMatchObject({ violations: [{ rule: 'isOnLoopback' }] });
  });

  it('keeps its user and password from those who inspect the service, and from what a server echoes', async () => {
    const url = `http://user:secretword@${proxy.host}`;
    const push = await boot({ proxy: url });
    const basic = Buffer.from('user:secretword').toString('base64');
    mimc.failNext({ kind: 'code', code: 400, message: `bad secretword, ${basic}` });
    const error = await errorOf(push.toAccount(dto));
    expect(error.apiMessage).toBe('bad [redacted], [redacted]');
    for (const shown of [inspect(push, { depth: 12, showHidden: true }), JSON.stringify(push), formsOf(error)])
      expect(shown).not.toMatch(/secretword|dXNlcjpz/);
  });
});
