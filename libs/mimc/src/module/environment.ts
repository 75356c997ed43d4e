import { Logger } from '@nestjs/common';
import type { MimcViolation } from '../errors/mimc-error.js';
import { unknownVariables } from './unknown-variables.js';

/** The options that `mimcConfig` reads, with their variables. */
export const VARIABLES = {
  appId: 'MIMC_APP_ID',
  appKey: 'MIMC_APP_KEY',
  appSecret: 'MIMC_APP_SECRET',
  baseUrl: 'MIMC_BASE_URL',
  fromAccount: 'MIMC_FROM_ACCOUNT',
  fromResource: 'MIMC_FROM_RESOURCE',
  'quota.accountsPerSecond': 'MIMC_ACCOUNTS_PER_SECOND',
  'quota.topicsPerSecond': 'MIMC_TOPICS_PER_SECOND',
  'quota.unlimitedTopicsPerSecond': 'MIMC_UNLIMITED_TOPICS_PER_SECOND',
  'timeouts.connectMs': 'MIMC_CONNECT_TIMEOUT_MS',
  'timeouts.responseMs': 'MIMC_RESPONSE_TIMEOUT_MS',
  deadlineMs: 'MIMC_DEADLINE_MS',
  proxy: 'MIMC_PROXY',
} as const;

/** A variable that `mimcConfig` reads. */
export type Variable = (typeof VARIABLES)[keyof typeof VARIABLES];

/** What `mimcConfig` read last. The values are kept only to compare them with those of options. */
let latest: { options: object; warnings: readonly string[] } = { options: {}, warnings: [] };

/** Remembers what was read from `env`, and warns about unknown variables, each only once in a row. */
export function rememberRead(options: object, env: NodeJS.ProcessEnv): void {
  const warnings = unknownVariables(env, 'MIMC_', Object.values(VARIABLES));
  for (const warning of warnings) if (!latest.warnings.includes(warning)) new Logger('MimcModule').warn(warning);
  latest = { options, warnings };
}

/** Adds the name of the variable to each wrong option whose value was read from one. */
export function withVariables(violations: readonly MimcViolation[], options: object): MimcViolation[] {
  const variables: Partial<Record<string, string>> = VARIABLES;
  return violations.map(({ field, rule, message }) => {
    const variable = field in VARIABLES && isRead(options, field) ? variables[field] : undefined;
    if (variable === undefined || !message.startsWith(field)) return { field, rule, message };
    return { field, rule, message: `${field} (${variable})${message.slice(field.length)}` };
  });
}

function isRead(options: object, field: string): boolean {
  return at(latest.options, field) !== undefined && Object.is(at(latest.options, field), at(options, field));
}

function at(options: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, field) => Reflect.get(Object(value), field), options);
}
