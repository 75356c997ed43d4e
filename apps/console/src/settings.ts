import {
  CREDENTIALS,
  type Environment,
  inWords,
  readSettings,
  refusal,
  type Settings,
  settingWarnings,
} from '../../sample-api/src/settings.js';
import type { BroadcastLimits } from './broadcasts/broadcast-limits.js';
import type { ConsoleLimits } from './page/console-limits.js';

/** What the console reads from the environment. */
export interface ConsoleSettings extends Settings {
  /** Whether `/` is the console's page: `SAMPLE_CONSOLE`, in demo mode unless switched off, else only when switched on. */
  console?: boolean;
  /** What the page may take, where it is other than the defaults. */
  consoleLimits?: Partial<ConsoleLimits>;
  /** What broadcasts may take, where it is other than the defaults. */
  broadcasts?: Partial<BroadcastLimits>;
  /** Where broadcasts are kept, and where processes share the quota. Without it they end with this process. */
  redisUrl?: string;
}

/** Where pushes go, and what paces them. */
export type MimcTarget = Pick<ConsoleSettings, 'mode' | 'redisUrl'>;

/** A sentence for each variable that looks as if it was meant for the console. */
export function consoleWarnings(env: Environment): string[] {
  return settingWarnings(env, ['SAMPLE_CONSOLE']);
}

/**
 * Reads the settings; an empty variable counts as absent.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readConsoleSettings(env: Environment): ConsoleSettings {
  const settings = readSettings(env);
  return {
    ...settings,
    ...readBroadcasts(env.BROADCAST_MAX_UPLOAD_BYTES),
    ...(env.REDIS_URL && { redisUrl: env.REDIS_URL }),
    console: readConsole(env, settings.mode === 'demo'),
  };
}

/**
 * Demo mode or not, for what serves no API and so needs no key of its own.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readMode(env: Environment): Settings['mode'] {
  return readSettings({ ...env, SAMPLE_API_KEY: 'none' }).mode;
}

/**
 * Settings of a worker, which shares its work through Redis and cannot reach the emulator inside another process.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readWorkerSettings(env: Environment): MimcTarget & { redisUrl: string } {
  const missing = [...CREDENTIALS, 'REDIS_URL'].filter((name) => !env[name]);
  if (missing.length > 0 || !env.REDIS_URL) throw refusal(`A worker needs these to be set: ${inWords(missing)}`);
  return { mode: 'mimc', redisUrl: env.REDIS_URL };
}

function readConsole({ SAMPLE_CONSOLE: text }: Environment, byDefault: boolean): boolean {
  if (!text) return byDefault;
  if (text === 'true' || text === 'false') return text === 'true';
  throw refusal('SAMPLE_CONSOLE must be true or false');
}

function readBroadcasts(text: string | undefined): Pick<ConsoleSettings, 'broadcasts'> {
  if (!text) return {};
  const maxUploadBytes = Number(text);
  if (Number.isSafeInteger(maxUploadBytes) && maxUploadBytes > 0) return { broadcasts: { maxUploadBytes } };
  throw refusal('BROADCAST_MAX_UPLOAD_BYTES must be a positive integer');
}
