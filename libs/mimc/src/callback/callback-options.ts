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
 * Verifies the callbacks of an app: its secret; several secrets during a rotation, because MIMC repeats a callback with its
 * original `authentication`; or `false` to accept callbacks without `authentication`, which old apps send.
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
  /** The apps whose callbacks are accepted: a list, or a function that finds the secret of an app. */
  apps: readonly MimcCallbackApp[] | MimcCallbackSecrets;
  /** The path of the route, after the global prefix of the application. Default `mimc/callback`. */
  path?: string | undefined;
  /** How far the time in `authentication` may be from the one in the body, in milliseconds. Default 60,000. */
  toleranceMs?: number | undefined;
  /**
   * How far the time in `authentication` may be from the clock of this process, in milliseconds. For this long, anyone who
   * captures a callback can send other messages with its `authentication`. `false` for no limit. At least 335,000 +
   * 3 × `timeoutMs`: MIMC's last repeat may come that late, with the `authentication` of the first delivery. Default 600,000,
   * or that minimum if it is more.
   */
  maxAgeMs?: number | false | undefined;
  /**
   * How long all handlers of a callback together may take, in milliseconds; after that MIMC gets 503 and repeats. After twice
   * this time they are abandoned, so that a repeat runs them again. The function `apps` has the same time, the store half of it.
   * Default 10,000, at most 600,000.
   */
  timeoutMs?: number | undefined;
  /** Bytes of a body; a larger one is refused with 413. Default 1 MiB. */
  maxBodyBytes?: number | undefined;
  /** Remembers which callbacks were handled. Default: {@link MemoryCallbackStore}, in this process. */
  store?: MimcCallbackStore | undefined;
  /**
   * How long the store remembers a handled callback, in milliseconds; at least twice `maxAgeMs`, so that it is not forgotten
   * while its `authentication` is still accepted. Default twice `maxAgeMs`, or twice its default when that is `false`.
   */
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
const REPEATS_MS = 335_000;

const DEFAULT_MAX_AGE_MS = 600_000;

const MAX_AGE_MS = Math.floor(MAX_TIMER_MS / 2);

/** A callback is accepted over twice its maximum age, because MIMC's clock may be ahead or behind. */
const toRemember = (maxAgeMs: number) => 2 * maxAgeMs;

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
    must: 'must be a string, a list of strings, or false to accept callbacks without authentication',
  });

const IsAge = () =>
  mustBe({
    name: 'isAge',
    test: (value) =>
      value === false || (Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= MAX_AGE_MS),
    must: `must be false or an integer from 1 to ${MAX_AGE_MS}`,
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
  @IfSet() @IsIntFrom(1, 600_000) timeoutMs?: unknown;
  @IfSet() @IsIntFrom(1_024, 100 * 1024 * 1024) maxBodyBytes?: unknown;
  @IfSet() @IsStore() store?: unknown;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) rememberMs?: unknown;
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
  const settings = {
    secretOf: apps.secretOf,
    path: (options.path ?? 'mimc/callback').replace(/^\//, ''),
    toleranceMs: options.toleranceMs ?? 60_000,
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    store: options.store ?? new MemoryCallbackStore(),
    ...timesOf(options),
  };
  refuseOptions('MimcCallbackModule', violationsTogether(settings));
  return settings;
}

type Times = Pick<CallbackSettings, 'timeoutMs' | 'maxAgeMs' | 'rememberMs'>;

function timesOf({ timeoutMs = 10_000, maxAgeMs, rememberMs }: MimcCallbackOptions): Times {
  const age = maxAgeMs ?? Math.max(DEFAULT_MAX_AGE_MS, lastRepeatMs(timeoutMs));
  const accepted = age === false ? Math.max(DEFAULT_MAX_AGE_MS, lastRepeatMs(timeoutMs)) : age;
  return { timeoutMs, maxAgeMs: age, rememberMs: rememberMs ?? toRemember(accepted) };
}

/** When MIMC's last repeat may come, after the first callback. */
function lastRepeatMs(timeoutMs: number): number {
  return REPEATS_MS + 3 * timeoutMs;
}

function violationsTogether({ timeoutMs, maxAgeMs, rememberMs }: Times): MimcViolation[] {
  const repeats = lastRepeatMs(timeoutMs);
  const whileRepeated = `${REPEATS_MS} + 3 × timeoutMs: MIMC repeats a callback for that long`;
  const tooShort = (field: string, min: number, why: string): MimcViolation[] => [
    { field, rule: 'min', message: `${field} must be at least ${min}, which is ${why}` },
  ];
  if (maxAgeMs === false) return rememberMs < repeats ? tooShort('rememberMs', repeats, whileRepeated) : [];
  if (maxAgeMs < repeats) return tooShort('maxAgeMs', repeats, whileRepeated);
  const accepted = toRemember(maxAgeMs);
  const whileAccepted = 'twice maxAgeMs: a callback that is forgotten sooner could be handled again';
  return rememberMs < accepted ? tooShort('rememberMs', accepted, whileAccepted) : [];
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
  const message = `${field} is listed twice; give an app with several secrets a list of them`;
  return { field, rule: 'isListedOnce', message };
}

/** Whether a value can be a secret. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** Whether a value is a {@link MimcCallbackSecret}. */
export function isSecret(value: unknown): value is MimcCallbackSecret {
  return value === false || isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText));
}
