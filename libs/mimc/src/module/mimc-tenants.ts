import { setMaxListeners } from 'node:events';
import { clearInterval, setInterval } from 'node:timers';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { closed, foreignAnswer } from '../delivery/foreign-answer.js';
import { MimcError, notSent } from '../errors/mimc-error.js';
import { visible } from '../errors/visible.js';
import type { MimcPushStatus } from '../push/push-status.js';
import type { MimcSettings } from '../push/settings.js';
import { invalid } from '../validation/violations.js';
import type { MimcModuleOptions } from './mimc-options.js';
import { createPush, type MimcServices, servicesOf } from './mimc-services.js';
import type { TenantsSettings } from './mimc-tenants-options.js';
import { resolveOptions } from './resolve-options.js';
import { TenantLimiters } from './tenant-limiters.js';

/** A tenant that was handed out is in use for this long, so that its call can begin; in milliseconds. */
const HANDED_OUT_MS = 1_000;

const MAX_TENANT_LENGTH = 256;

/** One tenant that is kept. */
export interface MimcTenantStatus extends MimcPushStatus {
  tenant: string;
  /** Whether a call or a broadcast of it is in progress. */
  inUse: boolean;
}

/** What {@link MimcTenants.status} returns. */
export interface MimcTenantsStatus {
  maxTenants: number;
  /** Tenants whose options are being resolved. */
  resolving: number;
  /** Tenants that are kept, the one that was not used for longest first. */
  tenants: MimcTenantStatus[];
}

interface Tenant {
  readonly made: Promise<MimcServices>;
  /** Set when they are made. */
  services?: MimcServices;
  /** When it was in use last, on the clock of `performance.now()`. */
  usedAt: number;
}

/**
 * The MIMC applications of tenants, each with services, connections and credentials of its own, made when it is first used. Tenants of
 * the same app share its quota; others share nothing.
 *
 * @example
 * const { push } = await tenants.get(request.tenant);
 * await push.toAccount({ toAccount: 'alice', msg: 'hello' });
 */
export class MimcTenants implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #settings: TenantsSettings;
  readonly #limiters = new TenantLimiters();
  /** In the order in which they were handed out last. */
  readonly #tenants = new Map<string, Tenant>();
  readonly #ending = new Set<Promise<void>>();
  readonly #shutdown = new AbortController();
  readonly #sweeping: NodeJS.Timeout;

  /** @internal Applications inject it. */
  constructor(settings: TenantsSettings) {
    this.#settings = settings;
    // As many as tenants that are resolved at a time.
    setMaxListeners(0, this.#shutdown.signal);
    this.#sweeping = setInterval(() => this.#sweep(), Math.max(HANDED_OUT_MS, settings.idleMs / 4)).unref();
  }

  /**
   * The services of a tenant. Ask for them each time and do not keep them: those of a tenant that was evicted or forgotten refuse
   * calls with `MIMC_CLOSED`, `not-sent`.
   *
   * @param tenant 1 to 256 characters
   * @throws MimcError `MIMC_CONFIG` when `resolve` fails or returns wrong options: it names the tenant, and the next `get` calls
   * `resolve` again; `MIMC_QUEUE_FULL`, retryable, when `maxTenants` others are in use; `MIMC_CLOSED`; `MIMC_INVALID` for
   * what is not the name of a tenant
   */
  async get(tenant: string): Promise<MimcServices> {
    checkName(tenant);
    if (this.#shutdown.signal.aborted) throw closed();
    const found = this.#tenants.get(tenant) ?? this.#add(tenant);
    const services = await found.made;
    this.#touch(tenant, found);
    return services;
  }

  /**
   * Closes a tenant, for example because its options have changed: its calls in flight have `shutdownMs`, and waiting ones end as
   * `MIMC_CLOSED`. The next `get` calls `resolve` again, even before this resolves.
   *
   * @returns whether there was such a tenant
   */
  async forget(tenant: string): Promise<boolean> {
    const found = this.#tenants.get(tenant);
    if (found === undefined) return false;
    await this.#end(tenant, found);
    return true;
  }

  /** The tenants that are kept now, and how each fares. */
  status(): MimcTenantsStatus {
    const tenants: MimcTenantStatus[] = [];
    for (const [tenant, { services }] of this.#tenants) {
      if (services !== undefined) tenants.push({ tenant, inUse: services.push.inUse, ...services.push.status() });
    }
    const { maxTenants } = this.#settings;
    return { maxTenants, resolving: this.#tenants.size - tenants.length, tenants };
  }

  /** Refuses new tenants and calls, and gives the calls in flight the `shutdownMs` of their tenants. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#shutdown.abort();
    clearInterval(this.#sweeping);
    const made = [...this.#tenants.values()].flatMap(({ services }) => services ?? []);
    await Promise.all(made.map(({ push }) => push.beforeApplicationShutdown()));
  }

  /** Closes the connections and limiters of all tenants. */
  async onApplicationShutdown(): Promise<void> {
    await this.beforeApplicationShutdown();
    for (const [name, tenant] of this.#tenants) void this.#end(name, tenant);
    await Promise.all(this.#ending);
    this.#limiters.close();
  }

  #add(name: string): Tenant {
    this.#makeRoom();
    const tenant: Tenant = { made: this.#make(name), usedAt: performance.now() };
    this.#tenants.set(name, tenant);
    tenant.made.then(
      (services) => (tenant.services = services),
      () => this.#remove(name, tenant),
    );
    return tenant;
  }

  async #make(name: string): Promise<MimcServices> {
    const { signal } = this.#shutdown;
    const { resolve } = this.#settings;
    const failed = (how: string) => ofTenant(name, notSent('MIMC_CONFIG', `resolve ${how}`));
    const options = await foreignAnswer(() => resolve(name), failed, signal);
    try {
      return await this.#create(resolveOptions(options as MimcModuleOptions, name), signal);
    } catch (error) {
      throw MimcError.is(error) ? ofTenant(name, error) : error;
    }
  }

  async #create(settings: MimcSettings, closing: AbortSignal): Promise<MimcServices> {
    const { credentials } = settings;
    const close = () => credentials.close();
    closing.addEventListener('abort', close);
    try {
      const push = await createPush(settings, () => this.#limiters.lease(settings));
      if (!closing.aborted) return servicesOf(push);
      await push.close();
      throw closed();
    } finally {
      closing.removeEventListener('abort', close);
    }
  }

  /** It was handed out: the last to be evicted. */
  #touch(name: string, tenant: Tenant): void {
    tenant.usedAt = performance.now();
    if (this.#tenants.get(name) !== tenant) return;
    this.#tenants.delete(name);
    this.#tenants.set(name, tenant);
  }

  #makeRoom(): void {
    const { maxTenants } = this.#settings;
    if (this.#tenants.size < maxTenants) return;
    for (const [name, tenant] of this.#tenants) {
      if (this.#isIdle(tenant, HANDED_OUT_MS)) return void this.#end(name, tenant);
    }
    const message = `${maxTenants} tenants are in use, which is maxTenants`;
    throw new MimcError({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent', message, retryAfterMs: HANDED_OUT_MS });
  }

  #sweep(): void {
    for (const [name, tenant] of this.#tenants) {
      if (this.#isIdle(tenant, this.#settings.idleMs)) void this.#end(name, tenant);
    }
    this.#limiters.sweep();
  }

  #isIdle(tenant: Tenant, forMs: number): boolean {
    const now = performance.now();
    if (tenant.services?.push.inUse !== false) tenant.usedAt = now;
    return now - tenant.usedAt >= forMs;
  }

  /** Removes a tenant and closes it once it is made. It never rejects. */
  #end(name: string, tenant: Tenant): Promise<void> {
    this.#remove(name, tenant);
    const ending = tenant.made.then(
      ({ push }) => push.close(),
      () => undefined,
    );
    this.#ending.add(ending);
    return ending.finally(() => this.#ending.delete(ending));
  }

  #remove(name: string, tenant: Tenant): void {
    if (this.#tenants.get(name) === tenant) this.#tenants.delete(name);
  }
}

function checkName(tenant: unknown): void {
  if (typeof tenant === 'string' && tenant !== '' && tenant.length <= MAX_TENANT_LENGTH) return;
  const message = `tenant must be a string of 1 to ${MAX_TENANT_LENGTH} characters`;
  throw new MimcError(invalid([{ field: 'tenant', rule: 'isTenant', message }]));
}

/** The error, with the tenant named. */
function ofTenant(name: string, error: MimcError): MimcError {
  if (error.code !== 'MIMC_CONFIG') return error;
  const { code, outcome, violations } = error;
  return new MimcError({ code, outcome, violations, message: `Tenant "${visible(name)}": ${error.message}` });
}
