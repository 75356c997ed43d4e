/** Why there is no reply. `malformed`: it was not HTTP. `config`: a person must correct something. */
export type ExchangeFaultKind = 'connect' | 'config' | 'timeout' | 'reset' | 'malformed' | 'stopped';

/** The end of an exchange without a reply. It holds neither the request nor a cause, so nothing can leak from it. */
export class ExchangeFault extends Error {
  constructor(
    readonly kind: ExchangeFaultKind,
    /** System or undici error code: `ECONNREFUSED`, `UND_ERR_SOCKET`, …; of `config` a sentence. */
    readonly reason?: string,
  ) {
    super(reason === undefined ? kind : `${kind} (${reason})`);
  }
}

/** By shape, as an error may come from another realm or another copy of undici. */
export function errorCode(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  // Only what looks like a code: another text could hold the request.
  return [code, name].find((label) => typeof label === 'string' && /^\w{1,40}$/.test(label)) as string | undefined;
}

/** The failure of a tunnel through the proxy of the module, whose user and password it does not hold. */
export class ProxyFault extends Error {
  constructor(
    /** Scheme, host and port. */
    readonly proxy: string,
    /** What it answered to `CONNECT`, if it answered with anything but 200. */
    readonly status: number | undefined,
    reason: string,
  ) {
    super(`The proxy ${proxy} ${reason}`);
  }
}

/** Errors of JavaScript itself: of code that is wrong. */
const ERRORS_OF_CODE = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError']);

/**
 * Why a request failed before dispatch: no connection, which may pass by itself, or something that a person must correct,
 * as a proxy that wants other credentials, or a dispatcher whose code is wrong.
 */
export function faultBeforeDispatch(error: unknown): ExchangeFault {
  const proxy = proxyFault(error);
  if (proxy?.status === 407)
    return new ExchangeFault(
      'config',
      `${proxy.message}: it requires a user and password, or rejected those that are set`,
    );
  if (proxy !== undefined) return new ExchangeFault('connect', lowerFirst(proxy.message));
  const code = errorCode(error);
  if (code === 'UND_ERR_INVALID_ARG') {
    const reason = 'The dispatcher rejected the request (UND_ERR_INVALID_ARG); it must come from undici 7 or 8';
    return new ExchangeFault('config', reason);
  }
  if (isOfCode(error)) return new ExchangeFault('config', `The dispatcher threw a programming error (${code})`);
  return new ExchangeFault('connect', code);
}

/** Of ours, or of undici's `ProxyAgent` (7.30, `lib/dispatcher/proxy-agent.js`), which gives the status only in its message. */
function proxyFault(error: unknown): Pick<ProxyFault, 'message' | 'status'> | undefined {
  if (error instanceof ProxyFault) return error;
  const { message } = (error ?? {}) as { message?: unknown };
  const status = typeof message === 'string' ? /^Proxy response \((\d{3})\)/.exec(message)?.[1] : undefined;
  return status === undefined
    ? undefined
    : { status: Number(status), message: `The proxy answered CONNECT with ${status}` };
}

/** By name, as the error may come from another realm. With a cause it is how `fetch` says that the network failed. */
function isOfCode(error: unknown): boolean {
  const { name, cause } = (error ?? {}) as { name?: unknown; cause?: unknown };
  return typeof name === 'string' && ERRORS_OF_CODE.has(name) && cause === undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
