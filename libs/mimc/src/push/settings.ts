import type { MimcCredentials } from '../delivery/credentials.js';
import type { RetryPolicy } from '../delivery/retry.js';
import type { MimcQuotaOptions } from '../pacing/quota.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import type { MimcDispatcher, MimcTimeoutOptions } from '../transport/exchange.js';
import type { ProxyServer } from '../transport/proxy-server.js';

/** The module's options, checked and with their defaults. */
export interface MimcSettings {
  /** `name` of the module, which distinguishes several in one process. */
  name?: string;
  appId: string;
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
  retry: RetryPolicy;
  timeouts: MimcTimeoutOptions;
  deadlineMs: number;
  shutdownMs: number;
  maxMsgBytes: number;
  limiter?: MimcRateLimiter;
  maxConnections: number;
  proxy?: ProxyServer | undefined;
  dispatcher?: MimcDispatcher | undefined;
}
