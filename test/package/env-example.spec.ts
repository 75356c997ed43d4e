import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { mimcConfig } from 'nestjs-mimc';
import { BroadcastLimits } from '../../apps/console/src/broadcasts/broadcast-limits.js';
import { consoleWarnings, readConsoleSettings, readWorkerSettings } from '../../apps/console/src/settings.js';
import type { Environment } from '../../apps/sample-api/src/settings.js';
import { resolveOptions } from '../../libs/mimc/src/module/resolve-options.js';

const example = parseEnv(readFileSync('.env.example', 'utf8'));
const credentials = { MIMC_APP_ID: '1', MIMC_APP_KEY: 'key', MIMC_APP_SECRET: 'secret', SAMPLE_API_KEY: 'ours' };
const environment = process.env;

/** What is read of the environment while `action` runs with these variables. */
function namesReadBy(variables: Environment, action: (env: Environment) => unknown): string[] {
  const names = new Set<string>();
  const env = new Proxy(variables, {
    get: (target, name) => {
      names.add(String(name));
      return target[String(name)];
    },
  });
  withEnvironment(env, () => action(env));
  return [...names];
}

function withEnvironment<Result>(env: Environment, action: () => Result): Result {
  process.env = env;
  try {
    return action();
  } finally {
    process.env = environment;
  }
}

/** The options of MIMC with their defaults; the credentials are ours. */
function optionsWith(variables: Environment) {
  const { credentials: _ours, ...options } = withEnvironment({ ...variables, ...credentials }, () =>
    resolveOptions(mimcConfig()),
  );
  return options;
}

describe('.env.example', () => {
  it('lists every setting that the sample reads, and no other', () => {
    const read = new Set([
      ...namesReadBy({}, readConsoleSettings),
      ...namesReadBy(credentials, readConsoleSettings),
      ...namesReadBy({ ...credentials, REDIS_URL: 'redis://127.0.0.1' }, readWorkerSettings),
      ...namesReadBy({}, () => mimcConfig()),
    ]);
    expect(Object.keys(example).toSorted()).toEqual([...read].toSorted());
  });

  it('has the defaults of the sample', () => {
    const { maxUploadBytes } = new BroadcastLimits();
    expect(readConsoleSettings(example)).toEqual({ ...readConsoleSettings({}), broadcasts: { maxUploadBytes } });
  });

  it('has the defaults of the library', () => {
    expect(optionsWith(example)).toEqual(optionsWith({}));
  });

  it('is free of variables that the sample would warn about', () => {
    expect(consoleWarnings(example)).toEqual([]);
    expect(consoleWarnings({ ...example, SAMPLE_KEY: 'x', SAMPLE_CONSOL: 'true' })).toEqual([
      expect.stringContaining('SAMPLE_KEY is unknown and ignored; did you mean SAMPLE_API_KEY?'),
      expect.stringContaining('SAMPLE_CONSOL is unknown and ignored; did you mean SAMPLE_CONSOLE?'),
    ]);
  });

  it('is a demo as it stands', () => {
    expect(readConsoleSettings(example).mode).toBe('demo');
  });
});
