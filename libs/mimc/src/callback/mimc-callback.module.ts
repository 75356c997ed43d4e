import {
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  Inject,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  type OptionalFactoryDependency,
} from '@nestjs/common';
import {
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  HttpAdapterHost,
  MetadataScanner,
  ModuleRef,
} from '@nestjs/core';
import { notSent } from '../internals.js';
import { CallbackHandlers } from './callback-handlers.js';
import { type MimcCallbackOptions, readOnce, resolveCallbackOptions } from './callback-options.js';
import { CallbackReceiver } from './callback-receiver.js';
import { CallbackRoute } from './callback-route.js';

/** What {@link MimcCallbackModule.forRootAsync} takes. */
export interface MimcCallbackAsyncOptions {
  /** Modules whose providers the factory injects. */
  imports?: ModuleMetadata['imports'] | undefined;
  /** What the factory is called with. */
  inject?: (InjectionToken | OptionalFactoryDependency)[] | undefined;
  /** Makes the options. */
  useFactory: FactoryProvider<MimcCallbackOptions>['useFactory'];
}

/**
 * Receives the callbacks of MIMC (webhooks, docs/mimc-api.md §4) on a POST route, and calls the methods that are marked with
 * {@link OnMimcMessage}. Import it once.
 *
 * The route runs before everything else in the application: middleware, body parsers, guards, pipes, interceptors and filters
 * do not see it. It is protected by the check of `authentication`.
 *
 * @example
 * \@Module({ imports: [MimcCallbackModule.forRoot({ apps: [{ appId, appSecret }] })], providers: [MessageHandler] })
 */
@Module({})
export class MimcCallbackModule implements OnModuleInit {
  /** @internal Nest makes it. */
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    @Inject(CallbackHandlers) private readonly handlers: CallbackHandlers,
  ) {}

  /**
   * Registers the route with these options.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forRoot(given: MimcCallbackOptions): DynamicModule {
    const options = readOnce(given) as MimcCallbackOptions;
    return this.forRootAsync({ useFactory: () => options });
  }

  /**
   * Registers the route with options from a factory.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forRootAsync({ imports = [], inject = [], useFactory }: MimcCallbackAsyncOptions): DynamicModule {
    const route: FactoryProvider<CallbackRoute> = {
      provide: CallbackRoute,
      inject: [HttpAdapterHost, ApplicationConfig, CallbackHandlers, ...inject],
      useFactory: async (
        host: HttpAdapterHost,
        config: ApplicationConfig,
        handlers: CallbackHandlers,
        ...injected: unknown[]
      ) => {
        const settings = resolveCallbackOptions(await useFactory(...injected));
        const made = new CallbackRoute(settings, new CallbackReceiver(settings, handlers), config);
        made.register(host);
        return made;
      },
    };
    return {
      module: MimcCallbackModule,
      imports: [DiscoveryModule, ...imports],
      providers: [CallbackHandlers, route],
    };
  }

  /** @throws MimcError `MIMC_CONFIG` when the options or a handler are request-scoped */
  onModuleInit(): void {
    this.#checkScope();
    this.handlers.find(this.discovery, this.scanner);
  }

  #checkScope(): void {
    try {
      this.moduleRef.get(CallbackRoute, { strict: true });
    } catch {
      const message =
        'MimcCallbackModule options: the factory depends on a request-scoped or transient provider, but the route belongs ' +
        'to the whole application. Inject providers of the default scope, such as ConfigService';
      throw notSent('MIMC_CONFIG', message);
    }
  }
}
