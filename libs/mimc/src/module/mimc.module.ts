import { ConfigurableModuleBuilder, DynamicModule, FactoryProvider, Module, Provider } from '@nestjs/common';
import { MimcTokenService } from '../accounts/mimc-token.service.js';
import { MimcBroadcastService } from '../broadcast/mimc-broadcast.service.js';
import { MimcPushService } from '../push/mimc-push.service.js';
import { MimcTopicService } from '../topics/mimc-topic.service.js';
import { MimcUnlimitedTopicService } from '../topics/mimc-unlimited-topic.service.js';
import type { MimcModuleOptions } from './mimc-options.js';
import {
  getMimcBroadcastToken,
  getMimcPushToken,
  getMimcTokenServiceToken,
  getMimcTopicToken,
  getMimcUnlimitedTopicToken,
} from './mimc.tokens.js';
import { resolveOptions, splitExtras } from './resolve-options.js';
import { refuseBun } from './run-time.js';
import { scopeGuard } from './scope-guard.js';

/** What stands beside the options, or beside `useFactory`, but is no option of MIMC. */
export interface MimcModuleExtras {
  /** Whether other modules see the services without importing this one. Default false. */
  isGlobal?: boolean | undefined;
  /** Tells several MIMC applications in one process apart: see {@link getMimcPushToken}. */
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

/**
 * Pushes through MIMC from NestJS: exports {@link MimcPushService}, {@link MimcBroadcastService}, {@link MimcTokenService},
 * {@link MimcTopicService} and {@link MimcUnlimitedTopicService}.
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
    const { options, extras } = splitExtras(given, ['isGlobal', 'name', 'extraProviders']);
    return super.forRootAsync({ ...(extras as MimcModuleExtras), useFactory: () => options as MimcModuleOptions });
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
  const { options, others } = withoutOptions(definition.providers ?? []);
  const push: FactoryProvider<MimcPushService> = {
    provide: getMimcPushToken(name),
    inject: options.inject,
    useFactory: async (...injected: unknown[]) => {
      refuseBun();
      const settings = resolveOptions(await options.useFactory(...injected), name);
      await settings.credentials.load();
      return new MimcPushService(settings);
    },
  };
  const broadcast = {
    provide: getMimcBroadcastToken(name),
    inject: [push.provide],
    useFactory: (service: MimcPushService) => new MimcBroadcastService(service),
  };
  const tokens = {
    provide: getMimcTokenServiceToken(name),
    inject: [push.provide],
    useFactory: (service: MimcPushService) => new MimcTokenService(service),
  };
  const topics = {
    provide: getMimcTopicToken(name),
    inject: [push.provide],
    useFactory: (service: MimcPushService) => new MimcTopicService(service),
  };
  const unlimited = {
    provide: getMimcUnlimitedTopicToken(name),
    inject: [push.provide],
    useFactory: (service: MimcPushService) => new MimcUnlimitedTopicService(service),
  };
  const services = [push, broadcast, tokens, topics, unlimited];
  const guard = scopeGuard(push.provide, 'MimcModule');
  return {
    ...definition,
    global: isGlobal,
    providers: [...others, ...(extraProviders ?? []), ...services, guard],
    exports: services.map(({ provide }) => provide),
  };
}

/**
 * The provider of the options, and all others. It is not registered, as it would show the secrets to all code that looks
 * into the container: what is made of the options calls its factory.
 */
function withoutOptions(providers: readonly Provider[]) {
  const others = providers.filter((provider) => !isOptions(provider));
  const options = providers.find(isOptions);
  if (options === undefined) throw new TypeError('MimcModule has no options');
  return { options, others };
}

function isOptions(provider: Provider): provider is FactoryProvider<MimcModuleOptions> {
  return 'provide' in provider && provider.provide === MODULE_OPTIONS_TOKEN;
}
