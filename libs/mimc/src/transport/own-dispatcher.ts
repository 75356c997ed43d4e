import { buildConnector, Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';
import type { MimcTimeoutOptions } from './exchange.js';
import { ProxyFault } from './exchange-fault.js';
import type { ProxyServer } from './proxy-server.js';

/**
 * An idle connection is closed after this, in milliseconds, or two seconds before the end that the server announces in
 * `Keep-Alive`. Below the 5 s after which Node.js servers, the strictest of the common ones, close theirs.
 */
const IDLE_MS = 4_000;

/** What the own dispatcher is made of. */
export interface OwnDispatcherSettings {
  origin: string;
  timeouts: MimcTimeoutOptions;
  maxConnections: number;
  proxy?: ProxyServer | undefined;
}

/** The dispatcher of a module that was not given one. */
export function newOwnDispatcher(settings: OwnDispatcherSettings): Dispatcher {
  const { origin, proxy } = settings;
  return proxy === undefined ? newPool(origin, settings) : newProxyAgent(proxy, settings);
}

function newPool(origin: string | URL, settings: OwnDispatcherSettings, connect: Connect = connectOptions(settings)) {
  return new Pool(origin, { connections: settings.maxConnections, connect, keepAliveTimeout: IDLE_MS });
}

type Connect = Pool.Options['connect'];

/**
 * `connectMs` is for all addresses of the host together. Node.js would give each but the last 250 ms, which a slow network
 * needs for one; a half lets it try the second address, mostly that of the other family.
 */
function connectOptions({ timeouts: { connectMs } }: OwnDispatcherSettings) {
  return { timeout: connectMs, autoSelectFamilyAttemptTimeout: Math.ceil(connectMs / 2) };
}

/**
 * Tunnels all requests by `CONNECT`, except to the hosts in `noProxy`. Each step to the tunnel has `connectMs`: the connection
 * to the proxy, its answer, and TLS. undici would wait for the answer for five minutes, and hold a connection for it.
 */
function newProxyAgent(proxy: ProxyServer, settings: OwnDispatcherSettings): Dispatcher {
  const connect = connectOptions(settings);
  const token = proxy.authorization();
  return new EnvHttpProxyAgent({
    httpProxy: proxy.origin,
    httpsProxy: proxy.origin,
    noProxy: proxy.noProxy,
    ...(token !== undefined && { token }),
    proxyTls: connect,
    requestTls: { timeout: connect.timeout },
    clientFactory: (url, options) => new Pool(url, { ...options, headersTimeout: connect.timeout }),
    factory: (origin, options) => newPool(origin, settings, namingProxy(options, proxy.origin)),
  });
}

/** How a pool connects that undici's `Agent` asks for: through the tunnel that it made, or directly. */
function namingProxy(options: { connect?: unknown }, proxy: string): buildConnector.connector | undefined {
  const { connect } = options;
  if (typeof connect !== 'function') return undefined;
  return (target, done) => {
    const named: buildConnector.Callback = (...[error, socket]) => {
      if (error === null) done(null, socket);
      else done(faultOf(error, proxy), null);
    };
    connect(target, named);
  };
}

/**
 * It must not have the code `UND_ERR_SOCKET` of a tunnel that the proxy drops: undici takes that for a socket that closed at
 * rest, keeps the request and connects again, without a pause and without an end (`onError` in `lib/dispatcher/client.js`).
 */
function faultOf(error: Error & { code?: unknown }, proxy: string): ProxyFault {
  const status = /^Proxy response \((\d{3})\)/.exec(error.message)?.[1];
  if (status !== undefined) return new ProxyFault(proxy, Number(status), `answered CONNECT with ${status}`);
  const label = [error.code, error.name].find((text) => typeof text === 'string' && /^\w{1,40}$/.test(text));
  return new ProxyFault(proxy, undefined, `could not connect (${String(label)})`);
}
