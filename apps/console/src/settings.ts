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
  /** Whether `/` serves the console's page: `SAMPLE_CONSOLE`; default: only in demo mode. */
  console?: boolean;
  /** Limits of the page that differ from the defaults. */
  consoleLimits?: Partial<ConsoleLimits>;
  /** Limits of broadcasts that differ from the defaults. */
  broadcasts?: Partial<BroadcastLimits>;
  /** Holds broadcasts and the quota that processes share. Without it broadcasts end with this process. */
  redisUrl?: string;
}

/** Where pushes go, and what paces them. */
export type MimcTarget = Pick<ConsoleSettings, 'mode' | 'redisUrl'>;

/** A warning for each variable that looks like a misspelt setting of the console. */
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
 * Demo mode or not, for commands that serve no API and so need no key.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readMode(env: Environment): Settings['mode'] {
  return readSettings({ ...env, SAMPLE_API_KEY: 'none' }).mode;
}

/**
 * Settings of a worker. It requires Redis, and cannot reach an emulator inside another process.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readWorkerSettings(env: Environment): MimcTarget & { redisUrl: string } {
  const missing = [...CREDENTIALS, 'REDIS_URL'].filter((name) => !env[name]);
  if (missing.length > 0 || !env.REDIS_URL)
    throw refusal(`A worker requires these variables, which are missing: ${inWords(missing)}`);
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
