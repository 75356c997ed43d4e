import type { MimcViolation } from '../index.js';
import {
  check,
  IfSet,
  IsClean,
  IsIntFrom,
  Matches,
  MAX_TIMER_MS,
  mustBe,
  refuseOptions,
  takeOut,
} from '../internals.js';
import { MemoryCallbackStore, type MimcCallbackStore } from './callback-store.js';

/**
 * With what the callbacks of an app are verified: its secret; several while it is being changed, as MIMC repeats a callback
 * with the `authentication` it had; or `false` to accept callbacks without `authentication`, as apps of old send them.
 */
export type MimcCallbackSecret = string | readonly string[] | false;

/** An app whose callbacks are accepted. */
export interface MimcCallbackApp {
  /** The application's id, a string. */
  appId: string;
  /** Never shown. */
  appSecret: MimcCallbackSecret;
}

/**
 * Finds the secret of an app, for tenants and for secrets that change; called for every callback.
 *
 * @returns undefined for an app whose callbacks are refused. When it rejects, MIMC repeats the callback.
 */
export type MimcCallbackSecrets = (
  appId: string,
) => MimcCallbackSecret | undefined | Promise<MimcCallbackSecret | undefined>;

/** Options of `MimcCallbackModule`. */
export interface MimcCallbackOptions {
  /** Whose callbacks are accepted: a list, or a function that finds the secret of an app. */
  apps: readonly MimcCallbackApp[] | MimcCallbackSecrets;
  /** The route, behind the global prefix of the application. Default `mimc/callback`. */
  path?: string | undefined;
  /** How far the time in `authentication` may be from the one in the body, in milliseconds. Default 60,000. */
  toleranceMs?: number | undefined;
  /**
   * How far the time in `authentication` may be from the clock of this process, in milliseconds; at least 6 minutes, as MIMC
   * repeats a callback with the one it had. Default `false`: any.
   */
  maxAgeMs?: number | false | undefined;
  /** How long the handlers may take together, in milliseconds; then MIMC gets 503 and repeats. Default 10,000. */
  timeoutMs?: number | undefined;
  /** Bytes of a body; a larger one is refused with 413. Default 1 MiB. */
  maxBodyBytes?: number | undefined;
  /** Remembers what was handled. Default in this process: {@link MemoryCallbackStore}. */
  store?: MimcCallbackStore | undefined;
  /** For how long, in milliseconds; at least 6 minutes, in which MIMC repeats. Default 15 minutes. */
  rememberMs?: number | undefined;
}

/** The options with their defaults. */
export interface CallbackSettings {
  readonly secretOf: MimcCallbackSecrets;
  readonly path: string;
  readonly toleranceMs: number;
  readonly maxAgeMs: number | false;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly store: MimcCallbackStore;
  readonly rememberMs: number;
}

/** MIMC repeats after 5 s, 30 s and 5 min (docs/mimc-api.md §4.1), and waits for each answer. */
const REPEATS_MS = 360_000;

const STORE_METHODS = ['take', 'done', 'release'];

const IsApps = () =>
  mustBe({
    name: 'isApps',
    test: (value) => typeof value === 'function' || (Array.isArray(value) && value.length > 0),
    must: 'must be a list of at least one { appId, appSecret }, or a function',
  });

const IsSecret = () =>
  mustBe({
    name: 'isSecret',
    test: isSecret,
    must: 'must be a text, a list of texts, or false to accept callbacks without authentication',
  });

const IsAge = () =>
  mustBe({
    name: 'isAge',
    test: (value) => value === false || (Number.isSafeInteger(value) && Number(value) >= REPEATS_MS),
    must: `must be false, or an integer of at least ${REPEATS_MS}: MIMC repeats a callback for so long`,
  });

const IsStore = () =>
  mustBe({
    name: 'isStore',
    test: (value) => STORE_METHODS.every((method) => typeof Reflect.get(Object(value), method) === 'function'),
    must: `must have the methods ${STORE_METHODS.join(', ')}`,
  });

class CallbackRules {
  @IsApps() apps?: unknown;
  @IfSet() @Matches(/^\/?[\w.~-]+(?:\/[\w.~-]+)*$/) path?: unknown;
  @IfSet() @IsIntFrom(0, MAX_TIMER_MS) toleranceMs?: unknown;
  @IfSet() @IsAge() maxAgeMs?: unknown;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) timeoutMs?: unknown;
  @IfSet() @IsIntFrom(1_024, 100 * 1024 * 1024) maxBodyBytes?: unknown;
  @IfSet() @IsStore() store?: unknown;
  @IfSet() @IsIntFrom(REPEATS_MS, MAX_TIMER_MS) rememberMs?: unknown;
}

class AppRules {
  @IsClean() appId?: unknown;
  @IsSecret() appSecret?: unknown;
}

/** What is given to `MimcCallbackModule.forRoot`, each field read once. */
export function readOnce(given: object): object {
  return takeOut(CallbackRules, given, []).options;
}

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong and never shows their values
 */
export function resolveCallbackOptions(given: MimcCallbackOptions): CallbackSettings {
  const { value, violations } = check(CallbackRules, given, '', 'options');
  const apps = readApps(value?.apps);
  refuseOptions('MimcCallbackModule', [...violations, ...apps.violations]);
  const options = value as MimcCallbackOptions;
  return {
    secretOf: apps.secretOf,
    path: (options.path ?? 'mimc/callback').replace(/^\//, ''),
    toleranceMs: options.toleranceMs ?? 60_000,
    maxAgeMs: options.maxAgeMs ?? false,
    timeoutMs: options.timeoutMs ?? 10_000,
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    store: options.store ?? new MemoryCallbackStore(),
    rememberMs: options.rememberMs ?? 900_000,
  };
}

interface Apps {
  readonly secretOf: MimcCallbackSecrets;
  readonly violations: readonly MimcViolation[];
}

function readApps(given: unknown): Apps {
  if (typeof given === 'function') return { secretOf: given as MimcCallbackSecrets, violations: [] };
  const secrets = new Map<string, MimcCallbackSecret>();
  const violations: MimcViolation[] = [];
  (Array.isArray(given) ? given : []).forEach((entry: unknown, index) => {
    const field = `apps[${index}]`;
    const { value, violations: wrong } = check(AppRules, entry, field);
    violations.push(...wrong);
    const { appId, appSecret } = (value ?? {}) as MimcCallbackApp;
    if (secrets.has(appId)) violations.push(listedTwice(`${field}.appId`));
    secrets.set(appId, appSecret);
  });
  return { secretOf: (appId) => secrets.get(appId), violations };
}

function listedTwice(field: string): MimcViolation {
  const message = `${field} is listed twice: an app with several secrets has them in a list`;
  return { field, rule: 'isListedOnce', message };
}

/** Whether a secret, given or found, can be one. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** Whether what a function of the application found is a {@link MimcCallbackSecret}. */
export function isSecret(value: unknown): value is MimcCallbackSecret {
  return value === false || isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText));
}
