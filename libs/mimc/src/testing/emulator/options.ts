import { isIPv4 } from 'node:net';
import type { InPart } from '../../index.js';
import { fieldsOf, isRecord, MAX_TIMER_MS } from '../../internals.js';
import type { CallbackSettings, MimcEmulatorCallbackOptions } from './callbacks/callback-options.js';
import type { MimcEmulatorChaos } from './chaos.js';
import { topicIdText } from './endpoint.js';
import type { MimcEmulatorQuota } from './quota.js';

/** The credentials of the one app the emulator knows. */
export interface MimcEmulatorCredentials {
  readonly appId: string;
  readonly appKey: string;
  readonly appSecret: string;
}

/**
 * Credentials unless others are given. Invented, in the vendor's shapes (docs/mimc-api.md §1.2): an odd `appId` of 19 digits
 * that no JavaScript number can hold, an `appKey` of 13, an `appSecret` that is Base64 of 16 bytes with `+` and `/`.
 */
export const EMULATOR_CREDENTIALS: MimcEmulatorCredentials = {
  appId: '2882303760000000001',
  appKey: '5100000000001',
  appSecret: 'emulator/not+a/secretA==',
};

/** How a throttled request is answered (docs/mimc-api.md §10 row 5). */
export interface MimcEmulatorThrottle {
  /** HTTP status that comes with the envelope code 429; default what `errorStatus` makes of it. */
  readonly status?: 200 | 429 | undefined;
  /** `Retry-After` in whole seconds; default no such header. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Options of `MimcEmulator.start`. */
export interface MimcEmulatorOptions {
  /** TCP port; default 0, any free one. */
  readonly port?: number | undefined;
  /** Loopback address or `localhost`; default `127.0.0.1`. Anything else is refused. */
  readonly host?: string | undefined;
  /** Overrides {@link EMULATOR_CREDENTIALS}, one by one. */
  readonly credentials?: InPart<MimcEmulatorCredentials> | undefined;
  /** Enforces a quota; `true` for the vendor's 50 accounts, 20 topics and 50 unlimited topics per second. Default: none. */
  readonly quota?: boolean | MimcEmulatorQuota | undefined;
  /** How a throttled request is answered. */
  readonly throttle?: MimcEmulatorThrottle | undefined;
  /**
   * HTTP status of an envelope whose code is not 200: always 200 (`ok`, default), or the code itself where it is a 4xx or
   * 5xx (`mirror`). The vendor documents neither (docs/mimc-api.md §10 row 1).
   */
  readonly errorStatus?: 'ok' | 'mirror' | undefined;
  /** What an absent `isStore` means; default false, as the newer document has it (docs/mimc-api.md §10 row 10). */
  readonly storeByDefault?: boolean | undefined;
  /** Most recipients of one `/more` request, more being refused with code 400; default no limit (docs/mimc-api.md §10 row 8). */
  readonly maxRecipients?: number | undefined;
  /** Most bytes of one decoded message, more being refused with code 413; default 15 KiB (docs/mimc-api.md §10 row 9). */
  readonly maxMsgBytes?: number | undefined;
  /**
   * The topics that exist besides those that were created, pushes to any other being refused with code 500; default: every
   * topic exists (docs/mimc-api.md §10 row 4).
   */
  readonly topics?: readonly (string | bigint | number)[] | undefined;
  /** Who may push to a topic: `anyone` (default), or only `members` of one that was created (docs/mimc-api.md §10 row 4). */
  readonly topicSenders?: 'anyone' | 'members' | undefined;
  /** Most members of a group, the owner included; default 500 (docs/mimc-api.md §5). Unlimited groups have no limit. */
  readonly maxTopicMembers?: number | undefined;
  /** Members of an unlimited group on one page; default 100 (emulator-defined). */
  readonly membersPerPage?: number | undefined;
  /** Whether answers about groups have ids as `text` (default) or as `number`, with all digits (docs/mimc-api.md §10 row 13). */
  readonly idForm?: 'text' | 'number' | undefined;
  /** Whether token answers have the newer fields (`new`, default) or not (`2018`) (docs/mimc-api.md §3). */
  readonly tokenFields?: 'new' | '2018' | undefined;
  /** `full` (default) keeps every message and request; `counts` only how many each recipient got, for large runs. */
  readonly ledger?: 'full' | 'counts' | undefined;
  /** A seeded random mix of faults; default none. */
  readonly chaos?: MimcEmulatorChaos | undefined;
  /** How long an idle connection is kept, in milliseconds; default 5000, as in Node. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Where callbacks about users' messages go: an http URL on loopback. Default nowhere; `callbackUrl` of the emulator sets it later. */
  readonly callbackUrl?: string | undefined;
  /** How callbacks look and repeat. */
  readonly callbacks?: MimcEmulatorCallbackOptions | undefined;
}

/** The options with their defaults, checked. */
export interface EmulatorSettings {
  readonly port: number;
  readonly host: string;
  /** Replaced by `rotateCredentials`. */
  credentials: MimcEmulatorCredentials;
  readonly quota: MimcEmulatorQuota | undefined;
  readonly throttle: MimcEmulatorThrottle;
  readonly errorStatus: 'ok' | 'mirror';
  readonly storeByDefault: boolean;
  readonly maxRecipients: number;
  readonly maxMsgBytes: number;
  readonly topics: ReadonlySet<string> | undefined;
  readonly topicSenders: 'anyone' | 'members';
  readonly maxTopicMembers: number;
  readonly membersPerPage: number;
  readonly idForm: 'text' | 'number';
  readonly tokenFields: 'new' | '2018';
  readonly ledger: 'full' | 'counts';
  readonly chaos: MimcEmulatorChaos | undefined;
  readonly keepAliveTimeoutMs: number;
  readonly callbackUrl: string | undefined;
  readonly callbacks: CallbackSettings;
}

/**
 * Fills in the defaults. Each field is read once, and what is not a field of the options is refused.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function readOptions(given: MimcEmulatorOptions): EmulatorSettings {
  const options = known<MimcEmulatorOptions>('options', given, OPTIONS);
  return {
    port: integer('port', options.port, 0, 0, 65_535),
    host: loopback(options.host ?? '127.0.0.1'),
    credentials: readCredentials(options.credentials ?? {}),
    quota: readQuota(options.quota ?? false),
    throttle: readThrottle(options.throttle ?? {}),
    errorStatus: oneOf('errorStatus', options.errorStatus ?? 'ok', ['ok', 'mirror']),
    storeByDefault: oneOf('storeByDefault', options.storeByDefault ?? false, [false, true]),
    maxRecipients: integer('maxRecipients', options.maxRecipients, Infinity, 1),
    maxMsgBytes: integer('maxMsgBytes', options.maxMsgBytes, 15 * 1024, 0),
    topics: options.topics && new Set(options.topics.map(topicIdOf)),
    topicSenders: oneOf('topicSenders', options.topicSenders ?? 'anyone', ['anyone', 'members']),
    maxTopicMembers: integer('maxTopicMembers', options.maxTopicMembers, 500, 1),
    membersPerPage: integer('membersPerPage', options.membersPerPage, 100, 1),
    idForm: oneOf('idForm', options.idForm ?? 'text', ['text', 'number']),
    tokenFields: oneOf('tokenFields', options.tokenFields ?? 'new', ['new', '2018']),
    ledger: oneOf('ledger', options.ledger ?? 'full', ['full', 'counts']),
    chaos: options.chaos && known<MimcEmulatorChaos>('chaos', options.chaos, ['seed', 'rate', 'faults']),
    keepAliveTimeoutMs: integer('keepAliveTimeoutMs', options.keepAliveTimeoutMs, 5_000, 0),
    callbackUrl: options.callbackUrl === undefined ? undefined : loopbackUrl('callbackUrl', options.callbackUrl),
    callbacks: readCallbacks(options.callbacks ?? {}),
  };
}

const OPTIONS = [
  'port',
  'host',
  'credentials',
  'quota',
  'throttle',
  'errorStatus',
  'storeByDefault',
  'maxRecipients',
  'maxMsgBytes',
  'topics',
  'topicSenders',
  'maxTopicMembers',
  'membersPerPage',
  'idForm',
  'tokenFields',
  'ledger',
  'chaos',
  'keepAliveTimeoutMs',
  'callbackUrl',
  'callbacks',
] satisfies (keyof MimcEmulatorOptions)[];

function known<T extends object>(name: string, given: T, names: readonly string[]): T {
  if (!isRecord(given)) throw new TypeError(`${name} must be a plain object`);
  const fields = fieldsOf(given, new Set(names));
  const stranger = Object.keys(fields).find((field) => !names.includes(field));
  if (stranger === undefined) return fields as T;
  throw new TypeError(`${name}: ${JSON.stringify(stranger)} is not a known field`);
}

/**
 * The exact decimal text of a topic id.
 *
 * @throws TypeError when it is not a positive 64-bit integer, or a number too large to be exact.
 */
export function topicIdOf(id: string | bigint | number): string {
  const text = topicIdText(id);
  if (text === undefined)
    throw new TypeError('a topic id must be a positive 64-bit integer; beyond 2^53 as text or bigint');
  return text;
}

/**
 * These credentials, and the `others` where they say nothing.
 *
 * @throws TypeError naming the field that is wrong.
 */
export function readCredentials(
  given: InPart<MimcEmulatorCredentials>,
  others: MimcEmulatorCredentials = EMULATOR_CREDENTIALS,
): MimcEmulatorCredentials {
  const credentials = { ...others, ...known('credentials', given, Object.keys(EMULATOR_CREDENTIALS)) };
  for (const [name, value] of Object.entries(credentials)) {
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`credentials.${name} must be a string that is not empty`);
  }
  return credentials;
}

function readQuota(given: boolean | MimcEmulatorQuota): MimcEmulatorQuota | undefined {
  if (typeof given === 'boolean') return given ? {} : undefined;
  const quota = known<MimcEmulatorQuota>('quota', given, [
    'accountsPerSecond',
    'topicsPerSecond',
    'unlimitedTopicsPerSecond',
  ]);
  integer('quota.accountsPerSecond', quota.accountsPerSecond, 50, 1);
  integer('quota.topicsPerSecond', quota.topicsPerSecond, 20, 1);
  integer('quota.unlimitedTopicsPerSecond', quota.unlimitedTopicsPerSecond, 50, 1);
  return quota;
}

function readThrottle(given: MimcEmulatorThrottle): MimcEmulatorThrottle {
  const throttle = known<MimcEmulatorThrottle>('throttle', given, ['status', 'retryAfterSeconds']);
  oneOf('throttle.status', throttle.status ?? 200, [200, 429]);
  integer('throttle.retryAfterSeconds', throttle.retryAfterSeconds, 0, 0);
  return throttle;
}

function readCallbacks(given: MimcEmulatorCallbackOptions): CallbackSettings {
  const names = ['idForm', 'authentication', 'onPush', 'timeoutMs', 'repeatAfterMs'];
  const options = known<MimcEmulatorCallbackOptions>('callbacks', given, names);
  const { repeatAfterMs = [5_000, 30_000, 300_000] } = options;
  return {
    idForm: oneOf('callbacks.idForm', options.idForm ?? 'text', ['text', 'number']),
    authentication: oneOf('callbacks.authentication', options.authentication ?? 'little-endian', [
      'little-endian',
      'big-endian',
      'none',
    ]),
    onPush: oneOf('callbacks.onPush', options.onPush ?? false, [false, true]),
    timeoutMs: integer('callbacks.timeoutMs', options.timeoutMs, 5_000, 1, MAX_TIMER_MS),
    repeatAfterMs: repeatAfterMs.map((ms, index) =>
      integer(`callbacks.repeatAfterMs[${index}]`, ms, 0, 0, MAX_TIMER_MS),
    ),
  };
}

/**
 * A URL of this machine, for the same reason as the host.
 *
 * @throws TypeError naming what it is for
 */
export function loopbackUrl(name: string, url: string): string {
  if (URL.canParse(url)) {
    const { protocol, hostname, href } = new URL(url);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    if (protocol === 'http:' && isLoopback(host)) return href;
  }
  throw new TypeError(`${name} must be an http URL on loopback, such as http://127.0.0.1:3000/mimc/callback`);
}

function oneOf<T>(name: string, value: T, values: readonly T[]): T {
  if (values.includes(value)) return value;
  throw new TypeError(`${name} must be ${values.map((each) => JSON.stringify(each)).join(' or ')}`);
}

/** It takes credentials over plain HTTP and stands in for somebody else's service: nobody else's machine may reach it. */
function loopback(host: string): string {
  if (isLoopback(host)) return host;
  throw new TypeError(
    'host must be a loopback address (127.x.x.x or ::1) or localhost: the emulator serves this machine only',
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function integer(name: string, value: number | undefined, fallback: number, min: number, max = Infinity): number {
  const checked = value ?? fallback;
  if ((Number.isInteger(checked) || checked === Infinity) && checked >= min && checked <= max) return checked;
  throw new TypeError(
    `${name} must be an integer ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`,
  );
}
