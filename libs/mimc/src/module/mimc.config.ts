import { registerAs } from '@nestjs/config';
import { rememberRead, type Variable } from './environment.js';
import type { MimcModuleOptions } from './mimc-options.js';

/**
 * The module's options from the environment: `MIMC_APP_ID`, `MIMC_APP_KEY`, `MIMC_APP_SECRET`, `MIMC_BASE_URL`,
 * `MIMC_FROM_ACCOUNT`, `MIMC_FROM_RESOURCE`, `MIMC_ACCOUNTS_PER_SECOND`, `MIMC_TOPICS_PER_SECOND`,
 * `MIMC_UNLIMITED_TOPICS_PER_SECOND`, `MIMC_CONNECT_TIMEOUT_MS`, `MIMC_RESPONSE_TIMEOUT_MS`, `MIMC_DEADLINE_MS`, `MIMC_PROXY`.
 * An empty variable counts as absent. When the module boots, missing or wrong values are refused with the names of option and
 * variable, and other variables that begin with `MIMC_` cause a warning.
 *
 * @example
 * MimcModule.forRootAsync(mimcConfig)
 */
export const mimcConfig = registerAs('mimc', (): MimcModuleOptions => {
  const options: MimcModuleOptions = {
    appId: text('MIMC_APP_ID') ?? '',
    appKey: text('MIMC_APP_KEY') ?? '',
    appSecret: text('MIMC_APP_SECRET') ?? '',
    baseUrl: text('MIMC_BASE_URL'),
    fromAccount: text('MIMC_FROM_ACCOUNT'),
    fromResource: text('MIMC_FROM_RESOURCE'),
    quota: {
      accountsPerSecond: integer('MIMC_ACCOUNTS_PER_SECOND'),
      topicsPerSecond: integer('MIMC_TOPICS_PER_SECOND'),
      unlimitedTopicsPerSecond: integer('MIMC_UNLIMITED_TOPICS_PER_SECOND'),
    },
    timeouts: { connectMs: integer('MIMC_CONNECT_TIMEOUT_MS'), responseMs: integer('MIMC_RESPONSE_TIMEOUT_MS') },
    deadlineMs: integer('MIMC_DEADLINE_MS'),
    proxy: text('MIMC_PROXY'),
  };
  rememberRead(options, process.env);
  return options;
});

function text(variable: Variable): string | undefined {
  return process.env[variable] || undefined;
}

/** Anything but a decimal integer becomes NaN, which the module refuses. */
function integer(variable: Variable): number | undefined {
  const value = text(variable);
  if (value === undefined) return undefined;
  return /^\d+$/.test(value) ? Number(value) : Number.NaN;
}
