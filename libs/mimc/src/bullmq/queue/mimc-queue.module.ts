import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { getMimcPushToken, type MimcPushService } from '../../index.js';
import { scopeGuard } from '../../internals.js';
import { MimcBroadcastQueue } from './mimc-broadcast-queue.js';
import { MimcPushQueue } from './mimc-push-queue.js';
import { getMimcBroadcastQueueToken, getMimcPushQueueToken } from './mimc-queue.tokens.js';
import { QueueHost } from './queue-host.js';
import { type MimcQueueOptions, type QueueSettings, resolveQueueOptions, splitExtras } from './queue-options.js';

/** Given next to the options or to `useFactory`; not an option of the queue itself. */
export interface MimcQueueExtras {
  /** `name` of the `MimcModule` that sends. The queues get the same name. */
  name?: string | undefined;
  /** Whether other modules can inject the queues without importing this one. Default false. */
  isGlobal?: boolean | undefined;
}

/** What {@link MimcQueueModule.forRootAsync} takes. */
export interface MimcQueueAsyncOptions extends MimcQueueExtras, Pick<FactoryProvider<MimcQueueOptions>, 'useFactory'> {
  /** Modules whose providers the factory injects. */
  imports?: ModuleMetadata['imports'] | undefined;
  /** The arguments of the factory. */
  inject?: FactoryProvider['inject'] | undefined;
}

const SETTINGS = Symbol('MimcQueueSettings');

/**
 * Durable sending over Redis, on BullMQ: exports {@link MimcPushQueue} and {@link MimcBroadcastQueue}. It sends through the
 * `MimcModule` of the same `name`, which must be global or among the `imports`. Processes that only add need that module
 * too, as it validates the messages.
 *
 * @example
 * \@Module({ imports: [MimcModule.forRoot({ ...mimc, isGlobal: true }), MimcQueueModule.forRoot({ connection: url })] })
 */
@Module({})
export class MimcQueueModule {
  /**
   * Registers the queues with these options.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the invalid options
   */
  static forRoot(given: MimcQueueOptions & MimcQueueExtras): DynamicModule {
    const { options, extras } = splitExtras(given, ['name', 'isGlobal']);
    return this.forRootAsync({ ...(extras as MimcQueueExtras), useFactory: () => options as MimcQueueOptions });
  }

  /**
   * Registers the queues with options from a factory.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the invalid options
   */
  static forRootAsync({ name, isGlobal, imports = [], inject, useFactory }: MimcQueueAsyncOptions): DynamicModule {
    const settings: FactoryProvider<QueueSettings> = {
      provide: SETTINGS,
      inject,
      useFactory: async (...injected: unknown[]) => resolveQueueOptions(await useFactory(...injected)),
    };
    const host: FactoryProvider<QueueHost> = {
      provide: QueueHost,
      inject: [getMimcPushToken(name), SETTINGS],
      useFactory: (push: MimcPushService, options: QueueSettings) => new QueueHost(push, options),
    };
    const pushes = { provide: getMimcPushQueueToken(name), inject: [QueueHost], useFactory: pushQueue };
    const broadcasts = { provide: getMimcBroadcastQueueToken(name), inject: [QueueHost], useFactory: broadcastQueue };
    return {
      module: MimcQueueModule,
      global: isGlobal,
      imports,
      providers: [settings, host, pushes, broadcasts, scopeGuard(QueueHost, 'MimcQueueModule')],
      exports: [pushes.provide, broadcasts.provide],
    };
  }
}

function pushQueue(host: QueueHost): MimcPushQueue {
  return new MimcPushQueue(host);
}

function broadcastQueue(host: QueueHost): MimcBroadcastQueue {
  return new MimcBroadcastQueue(host);
}
