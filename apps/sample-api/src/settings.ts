import { MimcError, unknownVariables } from 'nestjs-mimc';

/** What the sample reads from the environment besides the options of MIMC, which `mimcConfig` reads. */
export interface Settings {
  /** `demo`: the emulator on loopback stands in for MIMC. */
  mode: 'demo' | 'mimc';
  /** Port of the API; 0 is any free one. */
  port: number;
  /** Address to listen on; default in demo mode: loopback, because its key is public. */
  host?: string;
  /** Sent by callers as `Authorization: Bearer …`. */
  apiKey: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The key of demo mode unless `SAMPLE_API_KEY` is set. Not a secret: it only gives access to the emulator. */
export const DEMO_KEY = 'demo-key';

export const CREDENTIALS = ['MIMC_APP_ID', 'MIMC_APP_KEY', 'MIMC_APP_SECRET'] as const;

/** A warning for each variable that looks like a misspelt setting; `mimcConfig` warns about those of MIMC. */
export function settingWarnings(env: Environment, more: readonly string[] = []): string[] {
  return unknownVariables(env, 'SAMPLE_', ['SAMPLE_HOST', 'SAMPLE_API_KEY', ...more]);
}

/**
 * Reads the settings; an empty variable counts as absent.
 *
 * @throws MimcError `MIMC_CONFIG`, naming the variables that are missing or wrong and never showing a value
 */
export function readSettings(env: Environment): Settings {
  const common = { port: readPort(env.PORT), ...(env.SAMPLE_HOST && { host: env.SAMPLE_HOST }) };
  if (CREDENTIALS.some((name) => env[name])) return { mode: 'mimc', ...common, apiKey: readApiKey(env) };
  if (env.NODE_ENV === 'production') {
    const needed = inWords([...CREDENTIALS, 'SAMPLE_API_KEY']);
    throw refusal(`Demo mode is not available when NODE_ENV is production; set ${needed}`);
  }
  return { mode: 'demo', host: '127.0.0.1', ...common, apiKey: env.SAMPLE_API_KEY || DEMO_KEY };
}

/** The API key that real credentials require. The error names all missing variables at once. */
function readApiKey(env: Environment): string {
  const missing = [...CREDENTIALS, 'SAMPLE_API_KEY'].filter((name) => !env[name]);
  const { SAMPLE_API_KEY: apiKey } = env;
  if (apiKey && missing.length === 0) return apiKey;
  throw refusal(`MIMC credentials are set, but these are missing: ${inWords(missing)}`);
}

function readPort(text: string | undefined): number {
  const port = Number(text || 3000);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw refusal('PORT must be an integer from 0 to 65535');
}

/** The error for a missing or wrong setting. */
export function refusal(message: string): MimcError {
  return new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message });
}

/** `a, b, and c`. */
export function inWords(names: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(names);
}
