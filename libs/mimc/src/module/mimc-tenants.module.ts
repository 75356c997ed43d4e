import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  type FactoryProvider,
  Module,
  type Provider,
} from '@nestjs/common';
import { splitTenantsExtras, type MimcTenantsOptions, resolveTenantsOptions } from './mimc-tenants-options.js';
import { MimcTenants } from './mimc-tenants.js';
import { withoutOptions } from './options-provider.js';
import { scopeGuard } from './scope-guard.js';

/** Passed along with the options of tenants, or with `useFactory`. */
export interface MimcTenantsExtras {
  /** Whether other modules see {@link MimcTenants} without importing this one. Default false. */
  isGlobal?: boolean | undefined;
  /** Providers of this module, for the options factory to inject. */
  extraProviders?: Provider[] | undefined;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MimcTenantsOptions>({ moduleName: 'MimcTenants' })
    .setClassMethodName('forTenants')
    .setFactoryMethodName('createMimcTenantsOptions')
    .setExtras<MimcTenantsExtras>({ isGlobal: false, extraProviders: [] }, withTenants)
    .build();

/** What `MimcModule.forTenants` takes. */
export type MimcTenantsModuleOptions = typeof OPTIONS_TYPE;

/** What `MimcModule.forTenantsAsync` takes. */
export type MimcTenantsAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** What `MimcModule.forTenants` registers. */
@Module({})
export class MimcTenantsModule extends ConfigurableModuleClass {
  static override forTenants(given: MimcTenantsModuleOptions): DynamicModule {
    const { options, extras } = splitTenantsExtras(given, ['isGlobal', 'extraProviders']);
    return super.forTenantsAsync({ ...(extras as MimcTenantsExtras), useFactory: () => options as MimcTenantsOptions });
  }
}

function withTenants(definition: DynamicModule, { isGlobal, extraProviders }: MimcTenantsExtras): DynamicModule {
  const { options, others } = withoutOptions<MimcTenantsOptions>(MODULE_OPTIONS_TOKEN, definition.providers);
  const tenants: FactoryProvider<MimcTenants> = {
    provide: MimcTenants,
    inject: options.inject,
    useFactory: async (...injected: unknown[]) =>
      new MimcTenants(resolveTenantsOptions(await options.useFactory(...injected))),
  };
  return {
    ...definition,
    global: isGlobal,
    providers: [...others, ...(extraProviders ?? []), tenants, scopeGuard(MimcTenants, 'MimcModule.forTenants')],
    exports: [MimcTenants],
  };
}
