import { ValidateIf } from 'class-validator';
import { flawOf, IsClean } from '../validation/clean-text.js';
import type { MimcViolation } from '../errors/mimc-error.js';
import { IsShort } from '../validation/push-rules.js';
import type { InPart } from '../validation/check.js';
import { checkRetry, MimcRetryOptions, retryOf } from '../delivery/retry.js';
import {
  IfSet,
  IsFunction,
  IsIntFrom,
  IsNotEmpty,
  IsObjectOrFalse,
  IsPlainObject,
  IsString,
  MAX_TIMER_MS,
  mustBe,
} from '../validation/rules.js';
import { MimcQuotaOptions } from '../pacing/quota.js';
import { refuseOptions } from '../validation/violations.js';
import { type CredentialsOption, MimcCredentials } from '../delivery/credentials.js';
import type { MimcSettings } from '../push/settings.js';
import { check, Checked, checkNested, takeOut, withDefaults } from '../validation/check.js';
import type { MimcTimeoutOptions } from '../transport/exchange.js';
import { HasMethods, IsDispatcher } from './dispatcher-rules.js';
import { withVariables } from './environment.js';
import { isLoopback } from './loopback.js';
import type { MimcModuleOptions } from './mimc-options.js';
import { IsProxy, proxyFor, proxyViolations } from './proxy-option.js';

const DEFAULT_BASE_URL = 'https://mimc.chat.xiaomi.net';

const DEFAULT_QUOTA: MimcQuotaOptions = {
  accountsPerSecond: 50,
  topicsPerSecond: 20,
  unlimitedTopicsPerSecond: 50,
  maxQueued: 10_000,
};

const DEFAULT_RETRY: MimcRetryOptions = {
  maxAttempts: 3,
  baseDelayMs: 200,
  maxDelayMs: 5_000,
  delivery: 'at-most-once',
};

const DEFAULT_TIMEOUTS: MimcTimeoutOptions = { connectMs: 3_000, responseMs: 10_000 };

const UNLIMITED: Checked<false> = { value: false, violations: [] };

const Milliseconds = (min: number) => IsIntFrom(min, MAX_TIMER_MS);

const IsBaseUrl = () =>
  mustBe({
    name: 'isBaseUrl',
    test: (value) => flawOfBaseUrl(value) === undefined,
    must: 'must be a URL',
    message: (value) => `$property ${flawOfBaseUrl(value)}`,
  });

/** Key and secret are there, or a function that returns them. */
const IfFixed = () => ValidateIf(({ credentials }: OptionsRules) => credentials === undefined);

class OptionsRules {
  @IsClean() @IsNotEmpty() @IsString() appId?: unknown;
  @IfFixed() @IsClean() @IsNotEmpty() @IsString() appKey?: unknown;
  @IfFixed() @IsClean() @IsNotEmpty() @IsString() appSecret?: unknown;
  @IfSet() @IsFunction() credentials?: unknown;
  @IfSet() @IsBaseUrl() baseUrl?: unknown;
  @IfSet() @IsClean() @IsShort() @IsNotEmpty() @IsString() fromAccount?: unknown;
  @IfSet() @IsClean() @IsShort() @IsNotEmpty() @IsString() fromResource?: unknown;
  @IfSet() @IsObjectOrFalse() quota?: unknown;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsPlainObject() timeouts?: unknown;
  @IfSet() @Milliseconds(1) deadlineMs?: unknown;
  @IfSet() @Milliseconds(0) shutdownMs?: unknown;
  @IfSet() @IsIntFrom(1, 100 * 1024 * 1024) maxMsgBytes?: unknown;
  @IfSet() @HasMethods('acquire', 'penalize', 'status', 'close') limiter?: unknown;
  @IfSet() @IsIntFrom(1, 10_000) maxConnections?: unknown;
  @IfSet() @IsProxy() proxy?: unknown;
  @IfSet() @IsDispatcher() @HasMethods('dispatch') dispatcher?: unknown;
}

class QuotaRules implements InPart<MimcQuotaOptions> {
  @IfSet() @IsIntFrom(1, 1_000_000) accountsPerSecond?: number;
  @IfSet() @IsIntFrom(1, 1_000_000) topicsPerSecond?: number;
  @IfSet() @IsIntFrom(1, 1_000_000) unlimitedTopicsPerSecond?: number;
  @IfSet() @IsIntFrom(0, 10_000_000) maxQueued?: number;
}

class TimeoutRules implements InPart<MimcTimeoutOptions> {
  @IfSet() @Milliseconds(1) connectMs?: number;
  @IfSet() @Milliseconds(1) responseMs?: number;
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong and never shows their values
 */
export function resolveOptions(given: MimcModuleOptions, name?: string): MimcSettings {
  const { value: options, violations } = checkOptions(given);
  refuseOptions('MimcModule', withVariables(violations, options));
  const { appId, quota, retry, timeouts } = options;
  const { origin, protocol, hostname, port, pathname } = new URL(options.baseUrl ?? DEFAULT_BASE_URL);
  const proxy = proxyFor(options.proxy, protocol);
  return {
    name,
    appId,
    credentials: new MimcCredentials(appId, credentialsOf(options), proxy?.secrets()),
    origin,
    server: { address: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)) },
    basePath: pathname.replace(/\/+$/, ''),
    fromAccount: options.fromAccount,
    fromResource: options.fromResource ?? 'server',
    quota: quota === false ? false : withDefaults(DEFAULT_QUOTA, quota),
    retry: retryOf(DEFAULT_RETRY, retry),
    timeouts: withDefaults(DEFAULT_TIMEOUTS, timeouts),
    deadlineMs: options.deadlineMs ?? 30_000,
    shutdownMs: options.shutdownMs ?? 10_000,
    maxMsgBytes: options.maxMsgBytes ?? 10_240,
    limiter: options.limiter,
    maxConnections: options.maxConnections ?? 100,
    proxy,
    dispatcher: options.dispatcher,
  };
}

function credentialsOf({ credentials, appKey = '', appSecret = '' }: MimcModuleOptions): CredentialsOption {
  return credentials ?? { appKey, appSecret };
}

/** What is given to `MimcModule.forRoot`: the options, and what is passed along with them. */
export function splitExtras<Extra extends string>(given: object, extras: readonly Extra[]) {
  return takeOut(OptionsRules, given, extras);
}

/** The options, each read once; valid if `violations` is empty. */
function checkOptions(given: unknown): { value: MimcModuleOptions; violations: MimcViolation[] } {
  const { value = new OptionsRules(), violations } = check(OptionsRules, given, '', 'options');
  const quota = value.quota === false ? UNLIMITED : checkNested(QuotaRules, value.quota, 'quota');
  const retry = checkRetry(value.retry, 'retry');
  const timeouts = checkNested(TimeoutRules, value.timeouts, 'timeouts');
  Object.assign(value, { quota: quota.value, retry: retry.value, timeouts: timeouts.value });
  const nested = [...quota.violations, ...retry.violations, ...timeouts.violations];
  return {
    value: value as MimcModuleOptions,
    violations: [...violations, ...nested, ...violationsTogether(value as MimcModuleOptions)],
  };
}

/** What cannot be used together. */
function violationsTogether(options: MimcModuleOptions): MimcViolation[] {
  const { dispatcher, maxConnections, credentials, appKey, appSecret } = options;
  const found: MimcViolation[] = [];
  const isAlone = (field: string, value: unknown, other: string, instead: string) => {
    // `mimcConfig` has empty texts for what is absent.
    if (value === undefined || value === '') return;
    found.push({ field, rule: 'isAlone', message: `${field} cannot be used with ${other}: ${instead}` });
  };
  if (credentials !== undefined) isAlone('appKey', appKey, 'credentials', 'leave one of them out');
  if (credentials !== undefined) isAlone('appSecret', appSecret, 'credentials', 'leave one of them out');
  const instead = 'give the dispatcher its limit, or leave it out';
  if (dispatcher !== undefined) isAlone('maxConnections', maxConnections, 'dispatcher', instead);
  return [...found, ...proxyViolations(options)];
}

/** Which part of a base URL is wrong, if one is. */
function flawOfBaseUrl(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  const flaw = flawOf(value);
  if (flaw !== undefined) return flaw;
  if (!URL.canParse(value)) return `must be a URL with its scheme and host, such as ${DEFAULT_BASE_URL}`;
  const { protocol, hostname, username, password, search, hash } = new URL(value);
  if (`${username}${password}` !== '') return 'must not contain a user or a password';
  if (search !== '') return 'must not have a query';
  if (hash !== '') return 'must not have a fragment';
  if (protocol === 'http:' && isLoopback(hostname)) return undefined;
  return protocol === 'https:' ? undefined : 'must begin with https://; http:// is for a host on loopback only';
}
