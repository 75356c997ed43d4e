import { ConfigurableModuleBuilder, DynamicModule, Module, Provider } from '@nestjs/common';
import { MimcBroadcastService } from '../broadcast/mimc-broadcast.service.js';
import { MimcPushService } from '../push/mimc-push.service.js';
import type { MimcModuleOptions } from './mimc-options.js';
import { getMimcBroadcastToken, getMimcPushToken } from './mimc.tokens.js';
import { resolveOptions } from './resolve-options.js';

/** What stands beside the options, or beside `useFactory`, but is no option of MIMC. */
export interface MimcModuleExtras {
  /** Whether other modules see the services without importing this one. Default false. */
  isGlobal?: boolean;
  /** Tells several MIMC applications in one process apart: see {@link getMimcPushToken}. */
  name?: string;
  /** Providers of this module, for the options factory to inject. */
  extraProviders?: Provider[];
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MimcModuleOptions>({ moduleName: 'Mimc' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMimcOptions')
    .setExtras<MimcModuleExtras>({ isGlobal: false, name: undefined, extraProviders: [] }, withServices)
    .build();

/**
 * Pushes through MIMC from NestJS: exports {@link MimcPushService} and {@link MimcBroadcastService}.
 *
 * Every call of `forRoot` or `forRootAsync` is a module of its own, with its own quota: call it once and set `isGlobal`,
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
    const { isGlobal, name, extraProviders, ...options } = given ?? {};
    // The options stay in a closure: a plain provider value would show the secrets to whoever inspects the module.
    return super.forRootAsync({ isGlobal, name, extraProviders, useFactory: () => options });
  }

  /**
   * Registers the module with options from `useFactory` (with `inject`), `useClass` or `useExisting` (a
   * {@link MimcOptionsFactory}).
   *
   * @example
   * MimcModule.forRootAsync({ ...mimcConfig.asProvider(), isGlobal: true })
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}

function withServices(definition: DynamicModule, { isGlobal, name, extraProviders }: MimcModuleExtras): DynamicModule {
  const push = {
    provide: getMimcPushToken(name),
    inject: [MODULE_OPTIONS_TOKEN],
    useFactory: (options: MimcModuleOptions) => new MimcPushService(resolveOptions(options, name)),
  };
  const broadcast = {
    provide: getMimcBroadcastToken(name),
    inject: [push.provide],
    useFactory: (service: MimcPushService) => new MimcBroadcastService(service),
  };
  return {
    ...definition,
    global: isGlobal,
    providers: [...(definition.providers ?? []), ...(extraProviders ?? []), push, broadcast],
    exports: [push.provide, broadcast.provide],
  };
}
