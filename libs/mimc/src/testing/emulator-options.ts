import { isIPv4 } from 'node:net';
import type { MimcEmulatorChaos } from './emulator-chaos.js';
import { topicIdText } from './emulator-endpoint.js';
import type { MimcEmulatorQuota } from './emulator-quota.js';

/** The credentials of the one app the emulator knows. */
export interface MimcEmulatorCredentials {
  readonly appId: string;
  readonly appKey: string;
  readonly appSecret: string;
}

/**
 * Credentials unless others are given. Invented, in the vendor's shapes (mimc-api.md §1.2): an odd `appId` of 19 digits
 * that no JavaScript number can hold, an `appKey` of 13, an `appSecret` that is Base64 of 16 bytes with `+` and `/`.
 */
export const EMULATOR_CREDENTIALS: MimcEmulatorCredentials = {
  appId: '2882303760000000001',
  appKey: '5100000000001',
  appSecret: 'emulator/not+a/secretA==',
};

/** How a throttled request is answered (mimc-api.md §10 row 5). */
export interface MimcEmulatorThrottle {
  /** HTTP status beside the envelope code 429; default what `errorStatus` makes of it. */
  readonly status?: 200 | 429;
  /** `Retry-After` in whole seconds; default no such header. */
  readonly retryAfterSeconds?: number;
}

/** Options of `MimcEmulator.start`. */
export interface MimcEmulatorOptions {
  /** TCP port; default 0, any free one. */
  readonly port?: number;
  /** Loopback address or `localhost`; default `127.0.0.1`. Anything else is refused. */
  readonly host?: string;
  /** Overrides {@link EMULATOR_CREDENTIALS}, one by one. */
  readonly credentials?: Partial<MimcEmulatorCredentials>;
  /** Enforces a quota; `true` for the vendor's 50 accounts and 20 topics per second. Default: none. */
  readonly quota?: boolean | MimcEmulatorQuota;
  /** How a throttled request is answered. */
  readonly throttle?: MimcEmulatorThrottle;
  /**
   * HTTP status of an envelope whose code is not 200: always 200 (`ok`, default), or the code itself where it is a 4xx or
   * 5xx (`mirror`). The vendor documents neither (mimc-api.md §10 row 1).
   */
  readonly errorStatus?: 'ok' | 'mirror';
  /** What an absent `isStore` means; default false, as the newer document has it (mimc-api.md §10 row 10). */
  readonly storeByDefault?: boolean;
  /** Most recipients of one `/more` request, more being refused with code 400; default no limit (§10 row 8). */
  readonly maxRecipients?: number;
  /** Most bytes of one decoded message, more being refused with code 413; default 15 KiB (§10 row 9). */
  readonly maxMsgBytes?: number;
  /** The topics that exist, any other being refused with code 500; default: every topic exists (§10 row 4). */
  readonly topics?: readonly (string | bigint | number)[];
  /** `full` (default) keeps every message and request; `counts` only how many each recipient got, for large runs. */
  readonly ledger?: 'full' | 'counts';
  /** A seeded random mix of faults; default none. */
  readonly chaos?: MimcEmulatorChaos;
  /** How long an idle connection is kept, in milliseconds; default 5000, as in Node. */
  readonly keepAliveTimeoutMs?: number;
}

/** The options with their defaults, checked. */
export interface EmulatorSettings {
  readonly port: number;
  readonly host: string;
  readonly credentials: MimcEmulatorCredentials;
  readonly quota: MimcEmulatorQuota | undefined;
  readonly throttle: MimcEmulatorThrottle;
  readonly errorStatus: 'ok' | 'mirror';
  readonly storeByDefault: boolean;
  readonly maxRecipients: number;
  readonly maxMsgBytes: number;
  readonly topics: ReadonlySet<string> | undefined;
  readonly ledger: 'full' | 'counts';
  readonly chaos: MimcEmulatorChaos | undefined;
  readonly keepAliveTimeoutMs: number;
}

/**
 * Fills in the defaults.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function readOptions(options: MimcEmulatorOptions): EmulatorSettings {
  const settings: EmulatorSettings = {
    port: integer('port', options.port, 0, 0, 65_535),
    host: loopback(options.host ?? '127.0.0.1'),
    credentials: readCredentials(options.credentials ?? {}),
    quota: readQuota(options.quota ?? false),
    throttle: options.throttle ?? {},
    errorStatus: options.errorStatus ?? 'ok',
    storeByDefault: options.storeByDefault ?? false,
    maxRecipients: integer('maxRecipients', options.maxRecipients, Infinity, 1),
    maxMsgBytes: integer('maxMsgBytes', options.maxMsgBytes, 15 * 1024, 0),
    topics: options.topics && new Set(options.topics.map(topicIdOf)),
    ledger: options.ledger ?? 'full',
    chaos: options.chaos,
    keepAliveTimeoutMs: integer('keepAliveTimeoutMs', options.keepAliveTimeoutMs, 5_000, 0),
  };
  integer('throttle.retryAfterSeconds', settings.throttle.retryAfterSeconds, 0, 0);
  return settings;
}

/**
 * The exact decimal text of a topic id.
 *
 * @throws TypeError when it is no positive 64-bit integer, or a number too large to be exact.
 */
export function topicIdOf(id: string | bigint | number): string {
  const text = topicIdText(id);
  if (text === undefined)
    throw new TypeError('a topic id must be a positive 64-bit integer; beyond 2^53 as text or bigint');
  return text;
}

function readCredentials(given: Partial<MimcEmulatorCredentials>): MimcEmulatorCredentials {
  const { appId, appKey, appSecret } = EMULATOR_CREDENTIALS;
  const credentials = {
    appId: given.appId ?? appId,
    appKey: given.appKey ?? appKey,
    appSecret: given.appSecret ?? appSecret,
  };
  for (const [name, value] of Object.entries(credentials)) {
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`credentials.${name} must be a string that is not empty`);
  }
  return credentials;
}

function readQuota(quota: boolean | MimcEmulatorQuota): MimcEmulatorQuota | undefined {
  if (typeof quota === 'boolean') return quota ? {} : undefined;
  integer('quota.accountsPerSecond', quota.accountsPerSecond, 50, 1);
  integer('quota.topicsPerSecond', quota.topicsPerSecond, 20, 1);
  return quota;
}

/** It takes credentials over plain HTTP and stands in for somebody else's service: nobody else's machine may reach it. */
function loopback(host: string): string {
  if (host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return host;
  throw new TypeError(
    'host must be a loopback address (127.x.x.x or ::1) or localhost: the emulator serves this machine only',
  );
}

function integer(name: string, value: number | undefined, fallback: number, min: number, max = Infinity): number {
  const checked = value ?? fallback;
  if ((Number.isInteger(checked) || checked === Infinity) && checked >= min && checked <= max) return checked;
  throw new TypeError(
    `${name} must be an integer ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`,
  );
}
