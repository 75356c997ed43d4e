import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { getMimcPushToken, type MimcPushService } from '../../index.js';
import { scopeGuard } from '../../internals.js';
import { nestBullmq } from '../peers.cjs';
import type { PageRef } from './broadcast-store.js';
import { MimcBroadcastQueue } from './mimc-broadcast-queue.js';
import { getMimcBroadcastQueueToken } from './mimc-broadcast-queue.tokens.js';
import {
  type MimcBroadcastQueueOptions,
  type QueueSettings,
  resolveQueueOptions,
  splitExtras,
} from './queue-options.js';
import { callerClient } from './redis-clients.js';

/** What stands beside the options, or beside `useFactory`, but is no option of the queue. */
export interface MimcBroadcastQueueExtras {
  /** `name` of the `MimcModule` that sends; the queue has the same. */
  name?: string | undefined;
  /** Whether other modules see the queue without importing this one. Default false. */
  isGlobal?: boolean | undefined;
}

/** What {@link MimcBroadcastQueueModule.forRootAsync} takes. */
export interface MimcBroadcastQueueAsyncOptions
  extends MimcBroadcastQueueExtras, Pick<FactoryProvider<MimcBroadcastQueueOptions>, 'useFactory'> {
  /** Modules whose providers the factory injects. */
  imports?: ModuleMetadata['imports'] | undefined;
  /** What the factory is called with. */
  inject?: FactoryProvider['inject'] | undefined;
}

const SETTINGS = Symbol('MimcBroadcastQueueSettings');
const CLIENT = Symbol('MimcBroadcastQueueClient');
const BULL = Symbol('MimcBroadcastBullQueue');

/** Redis and the options, for BullMQ's module and for ours. */
@Module({})
class MimcBroadcastRedisModule {}

/** The queue of BullMQ. */
@Module({})
class MimcBroadcastBullModule {}

/**
 * Durable broadcasts over Redis, on BullMQ: exports {@link MimcBroadcastQueue}. It sends through the `MimcModule` of the
 * same `name`, which must be global or among the `imports`, in processes that only enqueue too: it checks the message.
 *
 * @example
 * \@Module({ imports: [MimcModule.forRoot({ ...mimc, isGlobal: true }), MimcBroadcastQueueModule.forRoot({ connection: url })] })
 */
@Module({})
export class MimcBroadcastQueueModule {
  /**
   * Registers the queue with these options.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forRoot(given: MimcBroadcastQueueOptions & MimcBroadcastQueueExtras): DynamicModule {
    const { options, extras } = splitExtras(given, ['name', 'isGlobal']);
    const others = extras as MimcBroadcastQueueExtras;
    return this.forRootAsync({ ...others, useFactory: () => options as MimcBroadcastQueueOptions });
  }

  /**
   * Registers the queue with options from a factory.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, naming the options that are wrong
   */
  static forRootAsync({
    name,
    isGlobal,
    imports = [],
    inject,
    useFactory,
  }: MimcBroadcastQueueAsyncOptions): DynamicModule {
    const redis = redisModule({ imports, inject, useFactory });
    const token = getMimcBroadcastQueueToken(name);
    const queue: FactoryProvider<MimcBroadcastQueue> = {
      provide: token,
      inject: [getMimcPushToken(name), BULL, CLIENT, SETTINGS],
      useFactory: (push: MimcPushService, bull: Queue<PageRef>, client: Redis, settings: QueueSettings) =>
        new MimcBroadcastQueue(push, bull, client, settings),
    };
    let bull: Promise<DynamicModule> | undefined;
    return {
      module: MimcBroadcastQueueModule,
      global: isGlobal,
      // When Nest asks, and not before: what is never started loads nothing.
      get imports() {
        bull ??= bullModule(redis, name);
        // Nest comes to it after the others, and hears of a failure then.
        bull.catch(() => undefined);
        return [...imports, redis, bull];
      },
      providers: [queue, scopeGuard(token, 'MimcBroadcastQueueModule')],
      exports: [token],
    };
  }
}

function redisModule({
  imports,
  inject,
  useFactory,
}: Pick<MimcBroadcastQueueAsyncOptions, 'imports' | 'inject' | 'useFactory'>): DynamicModule {
  const settings: FactoryProvider<QueueSettings> = {
    provide: SETTINGS,
    inject,
    useFactory: async (...injected: unknown[]) => resolveQueueOptions(await useFactory(...injected)),
  };
  const client: FactoryProvider<Redis> = {
    provide: CLIENT,
    inject: [SETTINGS],
    useFactory: ({ connection }: QueueSettings) => callerClient(connection),
  };
  return {
    module: MimcBroadcastRedisModule,
    imports,
    providers: [settings, client],
    exports: [settings, client],
  };
}

async function bullModule(redis: DynamicModule, name: string | undefined): Promise<DynamicModule> {
  const { BullModule, getQueueToken } = await nestBullmq();
  const bullName = name === undefined ? 'mimc-broadcasts' : `mimc-broadcasts:${name}`;
  const queue = BullModule.registerQueueAsync({
    name: bullName,
    imports: [redis],
    inject: [CLIENT, SETTINGS],
    useFactory: (client: Redis, { queueName, prefix }: QueueSettings) => {
      return { name: queueName, prefix, connection: client };
    },
  });
  return {
    module: MimcBroadcastBullModule,
    imports: [queue],
    providers: [{ provide: BULL, useExisting: getQueueToken(bullName) }],
    exports: [BULL],
  };
}
