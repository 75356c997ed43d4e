import type { MimcRetryOptions } from '../delivery/retry.js';
import { createRedactor, Redactor } from '../errors/redact.js';
import type { MimcQuotaOptions } from '../pacing/quota.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import type { MimcDispatcher, MimcTimeoutOptions } from '../transport/exchange.js';
import type { ProxyServer } from '../transport/proxy-server.js';

/** The module's options, checked and with their defaults. */
export interface MimcSettings {
  /** `name` of the module, which tells several in one process apart. */
  name?: string;
  credentials: MimcCredentials;
  /** Scheme, host and port. */
  origin: string;
  /** Host, without the brackets of IPv6, and port. */
  server: { address: string; port: number };
  /** Path in front of MIMC's own, without a trailing slash; mostly empty. */
  basePath: string;
  fromAccount?: string;
  fromResource: string;
  quota: MimcQuotaOptions | false;
  /** One attempt when the module's `retry` is `false`. */
  retry: MimcRetryOptions;
  timeouts: MimcTimeoutOptions;
  deadlineMs: number;
  shutdownMs: number;
  maxMsgBytes: number;
  limiter?: MimcRateLimiter;
  maxConnections: number;
  proxy?: ProxyServer | undefined;
  dispatcher?: MimcDispatcher | undefined;
}

/** The credentials, where neither `inspect` nor `JSON.stringify` sees them. */
export class MimcCredentials {
  /** Removes appKey and appSecret, and the other secrets of the module, from a text. */
  readonly redact: Redactor;
  readonly #bodyHead: string;

  constructor(appId: string, appKey: string, appSecret: string, otherSecrets: readonly string[] = []) {
    this.redact = createRedactor([appKey, appSecret, ...otherSecrets]);
    this.#bodyHead = JSON.stringify({ appId, appKey, appSecret }).slice(0, -1);
  }

  /** The first three fields of every body, up to where the next one follows. */
  bodyHead(): string {
    return this.#bodyHead;
  }
}
