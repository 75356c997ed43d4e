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

/** How long a tenant counts as in use after `get` returned it, so that the caller can begin a call; in milliseconds. */
const HANDED_OUT_MS = 1_000;

const MAX_TENANT_LENGTH = 256;

/** The status of a tenant that is kept. */
export interface MimcTenantStatus extends MimcPushStatus {
  tenant: string;
  /** Whether it has a call, a broadcast, a loop over `members` or a refresh of credentials in progress. */
  inUse: boolean;
}

/** What {@link MimcTenants.status} returns. */
export interface MimcTenantsStatus {
  maxTenants: number;
  /** Tenants whose options are being resolved. */
  resolving: number;
  /** Tenants that are kept, the least recently used first. */
  tenants: MimcTenantStatus[];
}

interface Tenant {
  readonly services: MimcServices;
  readonly lease: LimiterLease;
  /** When it was in use last, on the clock of `performance.now()`. */
  usedAt: number;
}

/**
 * The MIMC applications of tenants. Each has its own services, connections and credentials, created on first use. Tenants of the
 * same app share its quota; others share nothing.
 *
 * @example
 * const { push } = await tenants.get(request.tenant);
 * await push.toAccount({ toAccount: 'alice', msg: 'hello' });
 */
export class MimcTenants implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #settings: TenantsSettings;
  readonly #limiters = new TenantLimiters();
  /** The least recently returned by `get` first. */
  readonly #tenants = new Map<string, Tenant>();
  /** Tenants whose options are being resolved. */
  readonly #making = new Map<string, Promise<Tenant>>();
  readonly #ending = new Set<Promise<void>>();
  readonly #shutdown = new AbortController();
  readonly #sweeping: NodeJS.Timeout;

  /** @internal Applications inject it. */
  constructor(settings: TenantsSettings) {
    this.#settings = settings;
    // One listener for each tenant that is being resolved.
    setMaxListeners(0, this.#shutdown.signal);
    this.#sweeping = setInterval(() => this.#sweep(), Math.max(HANDED_OUT_MS, settings.idleMs / 4)).unref();
  }

  /**
   * Returns the services of a tenant. Call it each time and do not keep the result: the services of an evicted or forgotten tenant
   * refuse calls with `MIMC_CLOSED`, `not-sent`.
   *
   * @param tenant 1 to 256 characters
   * @throws MimcError `MIMC_CONFIG` when `resolve` fails or returns wrong options: it names the tenant, and the next `get` calls
   * `resolve` again; `MIMC_QUEUE_FULL`, retryable, when `maxTenants` others are in use or being resolved;
   * `MIMC_CLOSED`; `MIMC_INVALID` for an invalid name
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
    // Callers that wait for it get what the next call of `resolve` returns.
    if (found === undefined) return this.#making.delete(tenant);
    await this.#end(tenant, found);
    return true;
  }

  /** The tenants that are kept now, each with its status. */
  status(): MimcTenantsStatus {
    const tenants = Array.from(this.#tenants, ([tenant, { services }]) => {
      const { push } = services;
      return { tenant, inUse: push.inUse, ...push.status() };
    });
    return { maxTenants: this.#settings.maxTenants, resolving: this.#making.size, tenants };
  }

  /** Refuses new tenants and calls; calls in flight have the `shutdownMs` of their tenants. */
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

  /** The tenant may not exist, so no other one is evicted for it until `resolve` has returned its options. */
  #make(name: string): Promise<Tenant> {
    const { maxTenants } = this.#settings;
    this.#evictable();
    if (this.#making.size >= maxTenants)
      throw full(`The limit of ${maxTenants} tenants (maxTenants) is being resolved already`);
    const isWanted = () => this.#making.get(name) === made;
    // Deferred until the map has it, because `resolve` may itself ask for this tenant.
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
    // It was forgotten in the meantime, because its options have changed.
    drop(settings);
    return this.#tenant(name);
  }

  /** Synchronous, so that there are never more than `maxTenants`. */
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

  /** Marks a tenant as the most recently used. */
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
    throw full(`All ${maxTenants} tenants (maxTenants) are in use`);
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
