import { MimcError, unknownVariables } from 'nestjs-mimc';
import type { BroadcastLimits } from '../broadcasts/broadcast-limits.js';
import type { ConsoleLimits } from '../console/console-limits.js';

/** What the sample reads from the environment beside the options of MIMC, which `mimcConfig` reads. */
export interface SampleSettings {
  /** `demo`: the emulator on loopback stands in for MIMC. */
  mode: 'demo' | 'mimc';
  /** Port of the API; 0 is any free one. */
  port: number;
  /** Address to listen on; in demo mode loopback unless told otherwise, as its key is known to everybody. */
  host?: string;
  /** What callers send as `Authorization: Bearer …`. */
  apiKey: string;
  /** Whether `/` is the console's page: `SAMPLE_CONSOLE`, in demo mode unless switched off, else only when switched on. */
  console?: boolean;
  /** What the console may take, where it is other than the defaults. */
  consoleLimits?: Partial<ConsoleLimits>;
  /** What broadcasts may take, where it is other than the defaults. */
  broadcasts?: Partial<BroadcastLimits>;
  /** Where broadcasts are kept, and where processes share the quota. Without it they end with this process. */
  redisUrl?: string;
}

/** Where pushes go, and what paces them. */
export type MimcTarget = Pick<SampleSettings, 'mode' | 'redisUrl'>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The key of demo mode unless `SAMPLE_API_KEY` is set. No secret: behind it is the emulator only. */
export const DEMO_KEY = 'demo-key';

const SAMPLE_VARIABLES = ['SAMPLE_HOST', 'SAMPLE_API_KEY', 'SAMPLE_CONSOLE'];

const CREDENTIALS = ['MIMC_APP_ID', 'MIMC_APP_KEY', 'MIMC_APP_SECRET'];

/** A sentence for each variable that looks as if it was meant for the sample; `mimcConfig` warns about those of MIMC. */
export function settingWarnings(env: Environment): string[] {
  return unknownVariables(env, 'SAMPLE_', SAMPLE_VARIABLES);
}

/**
 * Reads the settings; an empty variable counts as absent.
 *
 * @throws MimcError `MIMC_CONFIG`, naming the variables that are missing or wrong and never showing a value
 */
export function readSettings(env: Environment): SampleSettings {
  const common = {
    port: readPort(env.PORT),
    ...(env.SAMPLE_HOST && { host: env.SAMPLE_HOST }),
    ...readBroadcasts(env.BROADCAST_MAX_UPLOAD_BYTES),
    ...(env.REDIS_URL && { redisUrl: env.REDIS_URL }),
  };
  if (CREDENTIALS.some((name) => env[name])) {
    return { mode: 'mimc', ...common, apiKey: readApiKey(env), console: readConsole(env, false) };
  }
  if (env.NODE_ENV === 'production') {
    throw refusal(
      `Demo mode is refused when NODE_ENV is production: set ${inWords([...CREDENTIALS, 'SAMPLE_API_KEY'])}`,
    );
  }
  const apiKey = env.SAMPLE_API_KEY || DEMO_KEY;
  return { mode: 'demo', host: '127.0.0.1', ...common, apiKey, console: readConsole(env, true) };
}

/**
 * Demo mode or not, for what serves no API and so needs no key of its own.
 *
 * @throws MimcError as {@link readSettings} does
 */
export function readMode(env: Environment): SampleSettings['mode'] {
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

/** The key beside real credentials; all that is missing is named at once, so that one more start is enough. */
function readApiKey(env: Environment): string {
  const missing = [...CREDENTIALS, 'SAMPLE_API_KEY'].filter((name) => !env[name]);
  const { SAMPLE_API_KEY: apiKey } = env;
  if (apiKey && missing.length === 0) return apiKey;
  throw refusal(`With credentials of MIMC these must be set too: ${inWords(missing)}`);
}

function readPort(text: string | undefined): number {
  const port = Number(text || 3000);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw refusal('PORT must be a port number, from 0 to 65535');
}

function readConsole({ SAMPLE_CONSOLE: text }: Environment, byDefault: boolean): boolean {
  if (!text) return byDefault;
  if (text === 'true' || text === 'false') return text === 'true';
  throw refusal('SAMPLE_CONSOLE must be true or false');
}

function readBroadcasts(text: string | undefined): Pick<SampleSettings, 'broadcasts'> {
  if (!text) return {};
  const maxUploadBytes = Number(text);
  if (Number.isSafeInteger(maxUploadBytes) && maxUploadBytes > 0) return { broadcasts: { maxUploadBytes } };
  throw refusal('BROADCAST_MAX_UPLOAD_BYTES must be a positive integer');
}

function refusal(message: string): MimcError {
  return new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message });
}

function inWords(names: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(names);
}
