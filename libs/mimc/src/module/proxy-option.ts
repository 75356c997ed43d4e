import type { MimcViolation } from '../errors/mimc-error.js';
import { flawOf } from '../validation/clean-text.js';
import { ProxyServer, proxyUrl } from '../transport/proxy-server.js';
import { isLoopback } from './loopback.js';
import { mustBe } from '../validation/rules.js';
import type { MimcModuleOptions } from './mimc-options.js';

const FORM = 'an http or https URL of host and port, with user and password in URL encoding if the proxy wants them';

/** `'env'`, or the URL of a proxy. */
export const IsProxy = () =>
  mustBe({
    name: 'isProxy',
    test: (value) => typeof value === 'string' && (value === 'env' || isProxyUrl(value)),
    must: `must be "env" or ${FORM}`,
    message: (value) => `$property ${flawOf(String(value)) ?? `must be "env" or ${FORM}`}`,
  });

/** What is wrong with `proxy` together with other options and the environment. */
export function proxyViolations(options: MimcModuleOptions): MimcViolation[] {
  const { proxy, dispatcher } = options;
  if (proxy !== undefined && dispatcher !== undefined) {
    return [violation('isAlone', 'cannot be used with dispatcher: give the dispatcher its proxy, or leave it out')];
  }
  const wrong = proxy === 'env' ? ['HTTPS_PROXY', 'HTTP_PROXY'].filter(isWrong) : [];
  if (wrong.length > 0) return wrong.map((name) => violation('isProxy', `is "env", but ${name} is not ${FORM}`));
  return leaks(options)
    ? [violation('isOnLoopback', `must be on loopback when baseUrl is http: nothing is encrypted`)]
    : [];
}

function isWrong(name: string): boolean {
  const value = variable(name);
  return value !== undefined && !isProxyUrl(value);
}

function isProxyUrl(text: string): boolean {
  return flawOf(text) === undefined && proxyUrl(text) !== undefined;
}

/** Whether the credentials would leave this machine in plain text. */
function leaks({ proxy, baseUrl }: MimcModuleOptions): boolean {
  if (typeof proxy !== 'string' || typeof baseUrl !== 'string' || !/^http:/i.test(baseUrl)) return false;
  const server = proxyFor(proxy, 'http:');
  return server !== undefined && !isLoopback(new URL(server.origin).hostname);
}

/** The proxy for an `origin` of this protocol, if there is one. The options must have no violations. */
export function proxyFor(option: string | undefined, protocol: string): ProxyServer | undefined {
  if (option === undefined) return undefined;
  const value = option === 'env' ? variable(protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') : option;
  const url = value !== undefined && isProxyUrl(value) ? proxyUrl(value) : undefined;
  return url && new ProxyServer(url, option === 'env' ? variable('NO_PROXY') : undefined);
}

/** As curl reads it: the name in lower case comes first, and if it is there but empty, there is none. */
function variable(name: string): string | undefined {
  return (process.env[name.toLowerCase()] ?? process.env[name]) || undefined;
}

function violation(rule: string, message: string): MimcViolation {
  return { field: 'proxy', rule, message: `proxy ${message}` };
}
