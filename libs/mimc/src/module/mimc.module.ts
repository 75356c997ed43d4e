import { ConfigurableModuleBuilder, DynamicModule, FactoryProvider, Module, Provider } from '@nestjs/common';
import { notSent } from '../errors/mimc-error.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import type { MimcModuleOptions } from './mimc-options.js';
import { createPush, serviceProviders } from './mimc-services.js';
import {
  type MimcTenantsAsyncOptions,
  type MimcTenantsModuleOptions,
  MimcTenantsModule,
} from './mimc-tenants.module.js';
import { getMimcPushToken } from './mimc.tokens.js';
import { withoutOptions } from './options-provider.js';
import { resolveOptions, splitExtras } from './resolve-options.js';
import { scopeGuard } from './scope-guard.js';

/** Passed along with the options or with `useFactory`: settings of the Nest module, not options of MIMC. */
export interface MimcModuleExtras {
  /** Whether other modules see the services without importing this one. Default false. */
  isGlobal?: boolean | undefined;
  /** Distinguishes several MIMC applications in one process: see {@link getMimcPushToken}. */
  name?: string | undefined;
  /** Providers of this module, for the options factory to inject. */
  extraProviders?: Provider[] | undefined;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MimcModuleOptions>({ moduleName: 'Mimc' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMimcOptions')
    .setExtras<MimcModuleExtras>({ isGlobal: false, name: undefined, extraProviders: [] }, withServices)
    .build();

/** What `MimcModule.forRootAsync` takes. */
export type MimcAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** A configuration that was made with `registerAs` of `@nestjs/config`, such as {@link mimcConfig}. */
export interface MimcConfiguration {
  (): MimcModuleOptions | Promise<MimcModuleOptions>;
  /** Its provider, with `useFactory`, `inject` and `imports`. */
  asProvider(): MimcAsyncOptions;
}

/**
 * Pushes through MIMC from NestJS: exports {@link MimcPushService}, {@link MimcBroadcastService}, {@link MimcTokenService},
 * {@link MimcTopicService} and {@link MimcUnlimitedTopicService}.
 *
 * Every call of `forRoot` or `forRootAsync` creates a separate module with its own quota: call it once and set `isGlobal`,
 * or import one shared constant.
 *
 * @example
 * \@Module({ imports: [MimcModule.forRoot({ appId, appKey, appSecret, fromAccount: 'server' })] })
 */
@Module({})
export class MimcModule extends ConfigurableModuleClass {
  /**
   * Registers the module with these options, checked at boot.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static override forRoot(given: typeof OPTIONS_TYPE): DynamicModule {
    const { options, extras } = splitExtras(given, ['isGlobal', 'name', 'extraProviders']);
    return super.forRootAsync({ ...(extras as MimcModuleExtras), useFactory: () => options as MimcModuleOptions });
  }

  /**
   * Registers the module with options from `useFactory` (with `inject`), `useClass` or `useExisting` (a
   * {@link MimcOptionsFactory}), or from a configuration of `@nestjs/config`.
   *
   * @example
   * MimcModule.forRootAsync(mimcConfig)
   * MimcModule.forRootAsync({ ...mimcConfig.asProvider(), isGlobal: true })
   * @throws MimcError `MIMC_CONFIG` at once when there is no source of options; at boot, naming the options that are wrong
   */
  static override forRootAsync(options: MimcAsyncOptions | MimcConfiguration): DynamicModule {
    const given = typeof options === 'function' && 'asProvider' in options ? options.asProvider() : options;
    const { useFactory, useClass, useExisting } = Object(given) as Partial<MimcAsyncOptions>;
    if ((useFactory ?? useClass ?? useExisting) === undefined) throw noSource();
    return super.forRootAsync(given);
  }

  /**
   * Registers {@link MimcTenants}: a MIMC application for each tenant, made when it is first used.
   *
   * @example
   * MimcModule.forTenants({ resolve: (tenant) => optionsOf(tenant), maxTenants: 200, isGlobal: true })
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forTenants(options: MimcTenantsModuleOptions): DynamicModule {
    return MimcTenantsModule.forTenants(options);
  }

  /**
   * As {@link forTenants}, with options from `useFactory` (with `inject`), `useClass` or `useExisting` (a
   * {@link MimcTenantsOptionsFactory}), so that `resolve` can use other providers.
   *
   * @example
   * MimcModule.forTenantsAsync({ inject: [TenantStore], useFactory: (store) => ({ resolve: (tenant) => store.mimcOf(tenant) }) })
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forTenantsAsync(options: MimcTenantsAsyncOptions): DynamicModule {
    return MimcTenantsModule.forTenantsAsync(options);
  }
}

function noSource() {
  const message =
    'MimcModule.forRootAsync must get useFactory, useClass or useExisting, or a configuration such as mimcConfig';
  return notSent('MIMC_CONFIG', message);
}

function withServices(definition: DynamicModule, { isGlobal, name, extraProviders }: MimcModuleExtras): DynamicModule {
  const { options, others } = withoutOptions<MimcModuleOptions>(MODULE_OPTIONS_TOKEN, definition.providers);
  const push: FactoryProvider<MimcPushService> = {
    provide: getMimcPushToken(name),
    inject: options.inject,
    useFactory: async (...injected: unknown[]) =>
      createPush(resolveOptions(await options.useFactory(...injected), name)),
  };
  const services: FactoryProvider[] = [push, ...serviceProviders(name)];
  const guard = scopeGuard(push.provide, 'MimcModule');
  return {
    ...definition,
    global: isGlobal,
    providers: [...others, ...(extraProviders ?? []), ...services, guard],
    exports: services.map(({ provide }) => provide),
  };
}
