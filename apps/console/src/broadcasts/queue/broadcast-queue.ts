import type { DynamicModule } from '@nestjs/common';
import { MimcQueueModule } from 'nestjs-mimc/bullmq';
import type { ConsoleSettings } from '../../settings.js';

/** The queues of broadcasts and pushes, which this process works on too. */
export function broadcastQueue({ mode, redisUrl }: { mode: ConsoleSettings['mode']; redisUrl: string }): DynamicModule {
  return MimcQueueModule.forRootAsync({
    isGlobal: true,
    useFactory: () => ({
      connection: redisUrl,
      // A demo on the Redis of others must not take their broadcasts and give them to its emulator.
      ...(mode === 'demo' && { prefix: 'mimc-demo' }),
    }),
  });
}
