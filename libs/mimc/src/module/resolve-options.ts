import { isIPv4 } from 'node:net';
import { IsInt, IsNotEmpty, IsObject, IsString, Max, Min, ValidateBy } from 'class-validator';
import { MimcError, MimcViolation } from '../errors/mimc-error.js';
import { IsObjectOrFalse, MAX_TIMER_MS, MimcRetryOptions, RetryRules } from '../push/push-options.js';
import { MimcCredentials, MimcQuotaOptions, MimcSettings, withDefaults } from '../push/settings.js';
import { check, IfSet, isRecord } from '../push/validation.js';
import type { MimcTimeoutOptions } from '../transport/exchange.js';
import type { MimcModuleOptions } from './mimc-options.js';

const DEFAULT_BASE_URL = 'https://mimc.chat.xiaomi.net';

const DEFAULT_QUOTA: MimcQuotaOptions = { accountsPerSecond: 50, topicsPerSecond: 20, maxQueued: 10_000 };

const DEFAULT_RETRY: MimcRetryOptions = {
  maxAttempts: 3,
  baseDelayMs: 200,
  maxDelayMs: 5_000,
  delivery: 'at-most-once',
};

const DEFAULT_TIMEOUTS: MimcTimeoutOptions = { connectMs: 3_000, responseMs: 10_000 };

const Milliseconds = (min: number) => numberFrom(min, MAX_TIMER_MS);

class OptionsRules {
  @IsNotEmpty() @IsString() appId?: unknown;
  @IsNotEmpty() @IsString() appKey?: unknown;
  @IsNotEmpty() @IsString() appSecret?: unknown;
  @IfSet() @IsBaseUrl() baseUrl?: unknown;
  @IfSet() @IsNotEmpty() @IsString() fromAccount?: unknown;
  @IfSet() @IsNotEmpty() @IsString() fromResource?: unknown;
  @IfSet() @IsObjectOrFalse() quota?: unknown;
  @IfSet() @IsObjectOrFalse() retry?: unknown;
  @IfSet() @IsObject() timeouts?: unknown;
  @IfSet() @Milliseconds(1) deadlineMs?: unknown;
  @IfSet() @Milliseconds(0) shutdownMs?: unknown;
  @IfSet() @numberFrom(1, 100 * 1024 * 1024) maxMsgBytes?: unknown;
  @IfSet() @HasMethods('acquire', 'penalize', 'status', 'close') limiter?: unknown;
  @IfSet() @HasMethods('dispatch') dispatcher?: unknown;
}

class QuotaRules {
  @IfSet() @numberFrom(1, 1_000_000) accountsPerSecond?: unknown;
  @IfSet() @numberFrom(1, 1_000_000) topicsPerSecond?: unknown;
  @IfSet() @numberFrom(0, 10_000_000) maxQueued?: unknown;
}

class TimeoutRules {
  @IfSet() @Milliseconds(1) connectMs?: unknown;
  @IfSet() @Milliseconds(1) responseMs?: unknown;
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong and never shows their values
 */
export function resolveOptions(options: MimcModuleOptions, name?: string): MimcSettings {
  refuse(violationsOfOptions(options));
  const { appId, appKey, appSecret, quota, retry, timeouts } = options;
  const { origin, protocol, hostname, port, pathname } = new URL(options.baseUrl ?? DEFAULT_BASE_URL);
  return {
    name,
    credentials: new MimcCredentials(appId, appKey, appSecret),
    origin,
    server: { address: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)) },
    basePath: pathname.replace(/\/+$/, ''),
    fromAccount: options.fromAccount,
    fromResource: options.fromResource ?? 'server',
    quota: quota === false ? false : withDefaults(DEFAULT_QUOTA, quota),
    retry: retry === false ? { ...DEFAULT_RETRY, maxAttempts: 1 } : withDefaults(DEFAULT_RETRY, retry),
    timeouts: withDefaults(DEFAULT_TIMEOUTS, timeouts),
    deadlineMs: options.deadlineMs ?? 30_000,
    shutdownMs: options.shutdownMs ?? 10_000,
    maxMsgBytes: options.maxMsgBytes ?? 10_240,
    limiter: options.limiter,
    dispatcher: options.dispatcher,
  };
}

function violationsOfOptions(options: unknown): MimcViolation[] {
  const { value, violations } = check(OptionsRules, options, isRecord(options) ? '' : 'options');
  const nested = (type: new () => object, group: unknown, name: string) =>
    isRecord(group) ? check(type, group, name).violations : [];
  return [
    ...violations,
    ...nested(QuotaRules, value?.quota, 'quota'),
    ...nested(RetryRules, value?.retry, 'retry'),
    ...nested(TimeoutRules, value?.timeouts, 'timeouts'),
  ];
}

function refuse(found: MimcViolation[]): void {
  if (found.length === 0) return;
  const message = `MimcModule options: ${found.map((violation) => violation.message).join('; ')}`;
  throw new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message, violations: found });
}

function numberFrom(min: number, max: number): PropertyDecorator {
  return (target, property) => [IsInt(), Min(min), Max(max)].forEach((decorate) => decorate(target, property));
}

function HasMethods(...methods: string[]): PropertyDecorator {
  const has = (value: object, method: string) => typeof (value as Record<string, unknown>)[method] === 'function';
  return ValidateBy({
    name: 'hasMethods',
    validator: {
      validate: (value) => isRecord(value) && methods.every((method) => has(value, method)),
      defaultMessage: () => `$property must have the methods ${methods.join(', ')}`,
    },
  });
}

function IsBaseUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'isBaseUrl',
    validator: {
      validate: isBaseUrl,
      defaultMessage: () =>
        '$property must be an https URL (http on loopback) without user, password, query and fragment',
    },
  });
}

function isBaseUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(value);
  if (`${username}${password}${search}${hash}` !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}
