import { createRedactor, Redactor } from '../errors/redact.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import type { MimcDispatcher, MimcTimeoutOptions } from '../transport/exchange.js';
import type { ProxyServer } from '../transport/proxy-server.js';
import type { InPart } from './options-object.js';
import type { MimcRetryOptions } from './push-options.js';

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

/** How many recipients a second MIMC lets this application reach (mimc-api.md §1.4), and how many calls may wait. */
export interface MimcQuotaOptions {
  /** Recipients a second of `toAccount` and `toAccounts`. Default 50. */
  accountsPerSecond: number;
  /** Groups a second of `toTopic` and `toTopics`. Default 20. */
  topicsPerSecond: number;
  /**
   * Calls that may wait in each lane of each quota; one more is refused with `MIMC_QUEUE_FULL`. The chunks of a broadcast
   * do not count, and always wait. Default 10,000.
   */
  maxQueued: number;
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

/** A field that is there but undefined takes its default too. */
export function withDefaults<T extends object>(defaults: T, given: InPart<T> | undefined): T {
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}
