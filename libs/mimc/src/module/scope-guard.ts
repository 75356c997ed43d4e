import type { FactoryProvider, InjectionToken, OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { notSent } from '../errors/mimc-error.js';

/**
 * Refuses, when its module is initialised, a provider that is not one for the whole application: the scope of what an
 * options factory injects becomes the scope of all that is made of the options.
 */
class ScopeGuard implements OnModuleInit {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly token: InjectionToken,
    private readonly owner: string,
  ) {}

  /** @throws MimcError `MIMC_CONFIG` when every request would get a provider of its own */
  onModuleInit(): void {
    try {
      this.moduleRef.get(this.token, { strict: true });
    } catch {
      const message =
        `${this.owner} options: the factory depends on a request-scoped or transient provider, so that every request ` +
        'would have a quota and connections of its own. Inject providers of the default scope, such as ConfigService; ' +
        'for several MIMC apps register a module with a `name` for each';
      throw notSent('MIMC_CONFIG', message);
    }
  }
}

/** What refuses, at boot, that the provider of `token` in the same module is request-scoped or transient. */
export function scopeGuard(token: InjectionToken, owner: string): FactoryProvider<OnModuleInit> {
  return {
    provide: ScopeGuard,
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef) => new ScopeGuard(moduleRef, token, owner),
  };
}
