import { MimcError } from 'nestjs-mimc';

/** What the sample reads from the environment beside the options of MIMC, which `mimcConfig` reads. */
export interface SampleSettings {
  /** `demo`: the emulator on loopback stands in for MIMC. */
  mode: 'demo' | 'mimc';
  /** Port of the API; 0 is any free one. */
  port: number;
  /** What callers send as `Authorization: Bearer …`. */
  apiKey: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The key of demo mode unless `SAMPLE_API_KEY` is set. No secret: behind it is the emulator only. */
export const DEMO_KEY = 'demo-key';

const CREDENTIALS = ['MIMC_APP_ID', 'MIMC_APP_KEY', 'MIMC_APP_SECRET'];

/**
 * Reads the settings; an empty variable counts as absent.
 *
 * @throws MimcError `MIMC_CONFIG`, naming the variables that are missing or wrong and never showing a value
 */
export function readSettings(env: Environment): SampleSettings {
  const port = readPort(env.PORT);
  if (CREDENTIALS.some((name) => env[name])) return { mode: 'mimc', port, apiKey: readApiKey(env) };
  if (env.NODE_ENV === 'production') {
    throw refusal(
      `Demo mode is refused when NODE_ENV is production: set ${inWords([...CREDENTIALS, 'SAMPLE_API_KEY'])}`,
    );
  }
  return { mode: 'demo', port, apiKey: env.SAMPLE_API_KEY || DEMO_KEY };
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

function refusal(message: string): MimcError {
  return new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message });
}

function inWords(names: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(names);
}
