import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import type { InPart } from '../validation/check.js';
import type { MimcRetryOptions } from '../delivery/retry.js';
import type { MimcQuotaOptions } from '../pacing/quota.js';
import type { MimcAppSecrets } from '../delivery/credentials-source.js';
import type { MimcDispatcher, MimcTimeoutOptions } from '../transport/exchange.js';

/** Options of `MimcModule`. Nested objects may be given in part; `undefined` means not set. */
export interface MimcModuleOptions {
  /** The application's id, a string: it does not fit a number (docs/mimc-api.md §1.3). */
  appId: string;
  /** The application's key, as the console shows it. Goes out in every body; never shown. Required without `credentials`. */
  appKey?: string | undefined;
  /** The application's secret, as the console shows it. Goes out in every body; never shown. Required without `credentials`. */
  appSecret?: string | undefined;
  /**
   * Returns the key and the secret, in place of `appKey` and `appSecret`, so that they can be rotated without a restart. It is
   * called at boot, by `refreshCredentials()`, and when MIMC refuses those in use: once for all calls, and at most every
   * 10 s. If it returns others then, the refused calls are made again with those. It has 10 s to answer.
   */
  credentials?: (() => MimcAppSecrets | Promise<MimcAppSecrets>) | undefined;
  /** Default `https://mimc.chat.xiaomi.net`. https, unless the host is loopback; a trailing slash is ignored. */
  baseUrl?: string | undefined;
  /** Sender of pushes whose DTO names none. No default. */
  fromAccount?: string | undefined;
  /** Sender's device label of pushes whose DTO names none. Default `server`. */
  fromResource?: string | undefined;
  /** `false` switches pacing off. */
  quota?: InPart<MimcQuotaOptions> | false | undefined;
  /** `false` is exactly one request per call. */
  retry?: InPart<MimcRetryOptions> | false | undefined;
  /** Time limits of one attempt: `connectMs` 3,000 and `responseMs` 10,000. */
  timeouts?: InPart<MimcTimeoutOptions> | undefined;
  /** The whole call, from its beginning: waiting, attempts, backoff; in milliseconds. Default 30,000. */
  deadlineMs?: number | undefined;
  /** How long calls in flight may continue when the application shuts down, in milliseconds. Default 10,000. */
  shutdownMs?: number | undefined;
  /** Bytes of `msg`: as UTF-8, or decoded when it is Base64. Default 10,240, the smallest cap of MIMC's own SDKs. */
  maxMsgBytes?: number | undefined;
  /** Paces the calls in place of the in-process limiter. The module closes it at shutdown. */
  limiter?: MimcRateLimiter | undefined;
  /**
   * Connections of the module's own pool. Default 100. A call that needs one more waits for its turn; it ends as
   * `MIMC_CONNECT`, not sent, when none has become free for `timeouts.connectMs`. Not to be combined with `dispatcher`.
   */
  maxConnections?: number | undefined;
  /**
   * An http or https proxy that the own pool reaches MIMC through, by `CONNECT`: its URL, with user and password if it wants
   * them, or `'env'` for what `HTTPS_PROXY`, `HTTP_PROXY` (for an http `baseUrl`) and `NO_PROXY` say at boot, lower case
   * first. Never shown. Default none, whatever the environment says. Not to be combined with `dispatcher`.
   */
  proxy?: string | undefined;
  /**
   * A dispatcher of undici 7 or 8 (private CA, mTLS, interceptors) in place of the module's own pool. Its owner closes it.
   */
  dispatcher?: MimcDispatcher | undefined;
}

/** What `useClass` and `useExisting` of `MimcModule.forRootAsync` name. */
export interface MimcOptionsFactory {
  createMimcOptions(): MimcModuleOptions | Promise<MimcModuleOptions>;
}
