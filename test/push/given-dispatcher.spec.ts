import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { MimcDispatcher, MimcModuleOptions } from 'nestjs-mimc';
import { Agent, Dispatcher, ProxyAgent } from 'undici';
import * as undici6 from 'undici-6';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

type Handler = Dispatcher.DispatchHandler;
type Dispatch = (request: Dispatcher.DispatchOptions, handler: Handler) => unknown;

const dto = { toAccount: 'alice', msg: 'hello' };
const success = httpReply('200 OK', '{"code":200,"data":{"packetId":"p-1"},"message":"success"}');
const controller = { abort: () => undefined } as unknown as Dispatcher.DispatchController;
/** Long enough that a test which waits for it fails. */
const patient = { connectMs: 120_000, responseMs: 120_000 };
const retry = { maxAttempts: 3, baseDelayMs: 0 };

/** undici 8 needs Node.js 22.19. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const describeUndici8 = major > 22 || (major === 22 && minor >= 19) ? describe : describe.skip;

describe('A given dispatcher', () => {
  let server: RawServer;
  let app: PushApp | undefined;

  beforeEach(async () => {
    server = await startRawServer((socket, chunk) => chunk.endsWith('}') && socket.write(success));
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    await server.close();
  });
  const boot = async (dispatcher: unknown, options: Partial<MimcModuleOptions> = {}) => {
    const given = dispatcher as Dispatcher;
    app = await bootPush({ baseUrl: server.url, dispatcher: given, timeouts: patient, retry, ...options });
    return app.push;
  };

  it('whose dispatch is async and rejects ends the call at once, as not sent', async () => {
    const needsToken = async () => {
      await Promise.resolve();
      throw new Error('no token');
    };
    const push = await boot(new Agent().compose((() => needsToken) as never));
    const error = await errorOf(push.toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent', attempts: 3 });
    expect(error.message).not.toContain('no token');
  });

  it('whose dispatch is async and rejects after dispatch leaves the outcome unknown', async () => {
    const push = await boot({
      async dispatch(_request: unknown, handler: Handler) {
        handler.onRequestStart?.(controller, {});
        await Promise.resolve();
        throw new TypeError('late');
      },
    });
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown', attempts: 1 });
  });

  it.each<[string, Dispatch]>([
    ['throws a TypeError', () => (undefined as unknown as { no(): void }).no()],
    ['rejects with a TypeError', () => Promise.reject(new TypeError('x is not a function'))],
    ['reports a RangeError', (_request, handler) => handler.onResponseError?.(controller, new RangeError('bad'))],
  ])('that %s has an error in its code, which no retry helps', async (_does, dispatch) => {
    let calls = 0;
    const push = await boot({ dispatch: (...args: Parameters<Dispatch>) => ((calls += 1), dispatch(...args)) });
    const error = await errorOf(push.toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent', retryable: false, attempts: 1 });
    expect(error.message).toMatch(/^The dispatcher threw a programming error \((Type|Range)Error\)$/);
    expect(calls).toBe(1);
  });

  it('that fails as fetch does without a network is retried', async () => {
    const failed = new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') });
    const push = await boot({ dispatch: () => Promise.reject(failed) });
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', attempts: 3 });
  });

  it('that reports late or twice changes nothing of a call that is over', async () => {
    const seen: Handler[] = [];
    const push = await boot({
      dispatch: (_request: unknown, handler: Handler) => {
        seen.push(handler);
        handler.onRequestStart?.(controller, {});
        handler.onResponseStart?.(controller, 200, {}, 'OK');
        handler.onResponseData?.(controller, Buffer.from('{"code":200,"data":{"packetId":"p-1"}}'));
        for (let twice = 0; twice < 2; twice++) handler.onResponseEnd?.(controller, {});
        handler.onResponseError?.(controller, new Error('late'));
        return true;
      },
    });
    await expect(push.toAccount(dto)).resolves.toMatchObject({ packetId: 'p-1', attempts: 1 });
    const [handler] = seen;
    handler?.onResponseData?.(controller, Buffer.alloc(1024));
    handler?.onResponseEnd?.(controller, {});
    expect(() => handler?.onRequestStart?.(controller, {})).toThrow('given up');
  });

  it('that begins after it failed gets an error', async () => {
    let refusal: unknown;
    const push = await boot(
      {
        dispatch: (_request: unknown, handler: Handler) => {
          handler.onResponseError?.(controller, new Error('away'));
          try {
            handler.onRequestStart?.(controller, {});
          } catch (error) {
            refusal = error;
          }
        },
      },
      { retry: false },
    );
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
    expect(refusal).toBeInstanceOf(Error);
  });

  it.each([
    ['Agent', () => new undici6.Agent()],
    ['Pool', () => new undici6.Pool('http://127.0.0.1:1')],
    ['composed Agent', () => new undici6.Agent().compose(undici6.interceptors.retry())],
  ])('of undici 6 is refused at boot: %s', async (_name, make) => {
    const error = await errorOf(boot(make()));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG' });
    expect(error.message).toContain('dispatcher is of undici 6 or older');
  });

  it('of undici 6 that boot cannot recognise fails once, unsent, and says why', async () => {
    const agent = new undici6.Agent();
    const dispatch = (...args: unknown[]) => agent.dispatch(...(args as Parameters<typeof agent.dispatch>));
    const error = await errorOf((await boot({ dispatch })).toAccount(dto));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent', attempts: 1 });
    expect(error.message).toContain('must come from undici 7 or 8');
    expect(server.connections).toBe(0);
  });

  describeUndici8('of undici 8', () => {
    it('sends, and says as surely whether it did', async () => {
      const undici8 = await import('undici-8');
      const agent: MimcDispatcher & { destroy(): Promise<void> } = new undici8.Agent();
      const push = await boot(agent);
      await expect(push.toAccount(dto)).resolves.toMatchObject({ packetId: 'p-1', attempts: 1 });
      const silent = await startRawServer(() => undefined);
      const other = await bootPush({ baseUrl: silent.url, dispatcher: agent, timeouts: { responseMs: 50 } });
      expect(await errorOf(other.push.toAccount(dto))).toMatchObject({ code: 'MIMC_TIMEOUT', outcome: 'unknown' });
      await silent.close();
      expect(await errorOf(other.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
      await other.close();
      await agent.destroy();
    });
  });

  it.each([
    [
      407,
      'MIMC_CONFIG',
      1,
      'The proxy answered CONNECT with 407: it requires a user and password, or rejected those that are set',
    ],
    [503, 'MIMC_CONNECT', 3, 'Could not connect to MIMC (the proxy answered CONNECT with 503)'],
  ])('which is a ProxyAgent whose proxy answers %d says so', async (status, code, attempts, message) => {
    const proxy: Server = createServer().listen(0, '127.0.0.1');
    proxy.on('connect', (_request, socket) => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`));
    await once(proxy, 'listening');
    const agent = new ProxyAgent(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    const error = await errorOf((await boot(agent)).toAccount(dto));
    expect(error).toMatchObject({ code, outcome: 'not-sent', attempts, message });
    await agent.destroy();
    proxy.close();
  });
});
