import { check, takeOut, withDefaults } from '../validation/check.js';
import { IfSet, IsFunction, IsIntFrom, MAX_TIMER_MS } from '../validation/rules.js';
import { refuseOptions } from '../validation/violations.js';
import type { MimcModuleOptions } from './mimc-options.js';

/** Options of `MimcModule.forTenants`. */
export interface MimcTenantsOptions {
  /**
   * Returns the options of a tenant's MIMC application, as for `MimcModule.forRoot`. It is called when the tenant is first used, and
   * again after it was evicted or forgotten. It has 10 s to answer; its errors are not shown.
   */
  resolve: (tenant: string) => MimcModuleOptions | Promise<MimcModuleOptions>;
  /** Tenants that are kept at a time, 1 to 10,000. Default 100. To make room, the least recently used idle tenant is evicted. */
  maxTenants?: number | undefined;
  /** A tenant that has been unused for this long is evicted, in milliseconds, at least 1,000. Default 600,000. */
  idleMs?: number | undefined;
}

/** What `useClass` and `useExisting` of `MimcModule.forTenantsAsync` name. */
export interface MimcTenantsOptionsFactory {
  createMimcTenantsOptions(): MimcTenantsOptions | Promise<MimcTenantsOptions>;
}

/** The options, checked and with their defaults. */
export type TenantsSettings = { [Option in keyof MimcTenantsOptions]-?: NonNullable<MimcTenantsOptions[Option]> };

class TenantsRules {
  @IsFunction() resolve!: MimcTenantsOptions['resolve'];
  @IfSet() @IsIntFrom(1, 10_000) maxTenants?: number;
  @IfSet() @IsIntFrom(1_000, MAX_TIMER_MS) idleMs?: number;
}

const DEFAULTS = { maxTenants: 100, idleMs: 600_000 };

/**
 * The options with their defaults.
 *
 * @throws MimcError `MIMC_CONFIG`, which names the options that are wrong
 */
export function resolveTenantsOptions(given: MimcTenantsOptions): TenantsSettings {
  const { value = new TenantsRules(), violations } = check(TenantsRules, given, '', 'options');
  refuseOptions('MimcModule.forTenants', violations);
  const { resolve, ...others } = value;
  return { resolve, ...withDefaults(DEFAULTS, others) };
}

/** What is given to `MimcModule.forTenants`: the options, and what is passed along with them. */
export function splitTenantsExtras<Extra extends string>(given: object, extras: readonly Extra[]) {
  return takeOut(TenantsRules, given, extras);
}
