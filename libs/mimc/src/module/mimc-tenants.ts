import { setMaxListeners } from 'node:events';
import { clearInterval, setInterval } from 'node:timers';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { closed } from '../delivery/foreign-answer.js';
import { MimcError } from '../errors/mimc-error.js';
import { MimcPushService } from '../push/mimc-push.service.js';
import type { MimcPushStatus } from '../push/push-status.js';
import type { MimcSettings } from '../push/settings.js';
import { invalid } from '../validation/violations.js';
import { type MimcServices, servicesOf } from './mimc-services.js';
import type { TenantsSettings } from './mimc-tenants-options.js';
import { type LimiterLease, TenantLimiters } from './tenant-limiters.js';
import { ofTenant, settingsOfTenant } from './tenant-settings.js';

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
  readonly services: MimcServices;
  readonly lease: LimiterLease;
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
  /** Those whose options are being resolved. */
  readonly #making = new Map<string, Promise<Tenant>>();
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
    const found = await this.#tenant(tenant);
    this.#touch(tenant, found);
    return found.services;
  }

  /**
   * Closes a tenant, for example because its options have changed: its calls in flight have `shutdownMs`, and waiting ones end as
   * `MIMC_CLOSED`. The next `get` calls `resolve` again, even before this resolves.
   *
   * @returns whether there was such a tenant
   */
  async forget(tenant: string): Promise<boolean> {
    const found = this.#tenants.get(tenant);
    // Those who wait for it get what the next call of `resolve` returns.
    if (found === undefined) return this.#making.delete(tenant);
    await this.#end(tenant, found);
    return true;
  }

  /** The tenants that are kept now, and how each fares. */
  status(): MimcTenantsStatus {
    const tenants = Array.from(this.#tenants, ([tenant, { services }]) => {
      const { push } = services;
      return { tenant, inUse: push.inUse, ...push.status() };
    });
    return { maxTenants: this.#settings.maxTenants, resolving: this.#making.size, tenants };
  }

  /** Refuses new tenants and calls, and gives the calls in flight the `shutdownMs` of their tenants. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#shutdown.abort();
    clearInterval(this.#sweeping);
    await Promise.all([...this.#tenants.values()].map(({ services }) => services.push.beforeApplicationShutdown()));
  }

  /** Closes the connections and limiters of all tenants. */
  async onApplicationShutdown(): Promise<void> {
    await this.beforeApplicationShutdown();
    for (const [name, tenant] of this.#tenants) void this.#end(name, tenant);
    await Promise.all(this.#ending);
    this.#limiters.close();
  }

  #tenant(name: string): Tenant | Promise<Tenant> {
    return this.#tenants.get(name) ?? this.#making.get(name) ?? this.#make(name);
  }

  /** Nobody knows yet whether there is such a tenant: no other one is evicted for it until `resolve` has answered. */
  #make(name: string): Promise<Tenant> {
    const { maxTenants } = this.#settings;
    this.#evictable();
    if (this.#making.size >= maxTenants) throw full(`${maxTenants} tenants are being resolved, which is maxTenants`);
    const isWanted = () => this.#making.get(name) === made;
    // Not before it is in the map: `resolve` may ask for this tenant itself.
    const resolved = Promise.resolve().then(() => this.#resolve(name, isWanted));
    const made = resolved.finally(() => isWanted() && this.#making.delete(name));
    this.#making.set(name, made);
    return made;
  }

  async #resolve(name: string, isWanted: () => boolean): Promise<Tenant> {
    const drop = (options: unknown) => this.#limiters.discard(options);
    const settings = await settingsOfTenant(name, this.#settings, this.#shutdown.signal, drop);
    try {
      if (isWanted()) return this.#keep(name, settings);
    } catch (error) {
      drop(settings);
      throw ofTenant(name, error);
    }
    // It was forgotten meanwhile, as its options have changed.
    drop(settings);
    return this.#tenant(name);
  }

  /** In one step, so that there are never more than `maxTenants`. */
  #keep(name: string, settings: MimcSettings): Tenant {
    const evicted = this.#evictable();
    const lease = this.#limiters.lease(settings);
    const services = servicesOf(new MimcPushService(settings, lease.limiter));
    const tenant: Tenant = { services, lease, usedAt: performance.now() };
    if (evicted !== undefined) void this.#end(...evicted);
    this.#making.delete(name);
    this.#tenants.set(name, tenant);
    return tenant;
  }

  /** It was handed out: the last to be evicted. */
  #touch(name: string, tenant: Tenant): void {
    tenant.usedAt = performance.now();
    if (this.#tenants.get(name) !== tenant) return;
    this.#tenants.delete(name);
    this.#tenants.set(name, tenant);
  }

  /**
   * The tenant that makes room for one more; undefined when there is room.
   *
   * @throws MimcError `MIMC_QUEUE_FULL` when all are in use
   */
  #evictable(): [string, Tenant] | undefined {
    const { maxTenants } = this.#settings;
    if (this.#tenants.size < maxTenants) return undefined;
    for (const entry of this.#tenants) if (this.#isIdle(entry[1], HANDED_OUT_MS)) return entry;
    throw full(`${maxTenants} tenants are in use, which is maxTenants`);
  }

  #sweep(): void {
    for (const [name, tenant] of this.#tenants) {
      if (this.#isIdle(tenant, this.#settings.idleMs)) void this.#end(name, tenant);
    }
    this.#limiters.sweep();
  }

  #isIdle(tenant: Tenant, forMs: number): boolean {
    const now = performance.now();
    if (tenant.services.push.inUse) tenant.usedAt = now;
    return now - tenant.usedAt >= forMs;
  }

  /** Removes a tenant and closes it. */
  #end(name: string, tenant: Tenant): Promise<void> {
    if (this.#tenants.get(name) === tenant) this.#tenants.delete(name);
    tenant.lease.retire();
    const ending = tenant.services.push.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }
}

function full(message: string): MimcError {
  return new MimcError({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent', message, retryAfterMs: HANDED_OUT_MS });
}

function checkName(tenant: unknown): void {
  if (typeof tenant === 'string' && tenant !== '' && tenant.length <= MAX_TENANT_LENGTH) return;
  const message = `tenant must be a string of 1 to ${MAX_TENANT_LENGTH} characters`;
  throw new MimcError(invalid([{ field: 'tenant', rule: 'isTenant', message }]));
}
