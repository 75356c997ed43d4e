import { closed, foreignAnswer } from '../delivery/foreign-answer.js';
import { MimcError, notSent } from '../errors/mimc-error.js';
import { visible } from '../errors/visible.js';
import type { MimcSettings } from '../push/settings.js';
import type { MimcModuleOptions } from './mimc-options.js';
import { prepare } from './mimc-services.js';
import type { TenantsSettings } from './mimc-tenants-options.js';
import { resolveOptions } from './resolve-options.js';

/**
 * Calls `resolve` for a tenant, checks the options that it returns, and loads the credentials.
 *
 * @param drop called with options that are not used, even if they come too late
 * @throws MimcError `MIMC_CONFIG`, which names the tenant; `MIMC_CLOSED` when `closing` aborts
 */
export async function settingsOfTenant(
  name: string,
  { resolve }: Pick<TenantsSettings, 'resolve'>,
  closing: AbortSignal,
  drop: (options: unknown) => void,
): Promise<MimcSettings> {
  let isOver = false;
  const ask = async () => {
    const options = await resolve(name);
    if (isOver) drop(options);
    return options;
  };
  try {
    const options = await foreignAnswer(ask, (how) => notSent('MIMC_CONFIG', `resolve ${how}`), closing);
    return await preparedSettings(name, options, closing).catch((error: unknown) => {
      drop(options);
      throw error;
    });
  } catch (error) {
    throw ofTenant(name, error);
  } finally {
    isOver = true;
  }
}

/** The error, with the tenant named. */
export function ofTenant(name: string, error: unknown): unknown {
  if (!MimcError.is(error) || error.code !== 'MIMC_CONFIG') return error;
  const { code, outcome, violations } = error;
  return new MimcError({ code, outcome, violations, message: `Tenant "${visible(name)}": ${error.message}` });
}

async function preparedSettings(name: string, options: unknown, closing: AbortSignal): Promise<MimcSettings> {
  const settings = resolveOptions(options as MimcModuleOptions, name);
  const { credentials } = settings;
  const close = () => credentials.close();
  closing.addEventListener('abort', close);
  try {
    await prepare(settings);
    if (closing.aborted) throw closed();
    return settings;
  } finally {
    closing.removeEventListener('abort', close);
  }
}
