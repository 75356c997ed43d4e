import type { DynamicModule } from '@nestjs/common';
import { MimcQueueModule } from 'nestjs-mimc/bullmq';
import type { ConsoleSettings } from '../../settings.js';

/** The queues of broadcasts and pushes; this process is also a worker. */
export function broadcastQueue({ mode, redisUrl }: { mode: ConsoleSettings['mode']; redisUrl: string }): DynamicModule {
  return MimcQueueModule.forRootAsync({
    isGlobal: true,
    useFactory: () => ({
      connection: redisUrl,
      // A demo on a shared Redis must not take real broadcasts and send them to its emulator.
      ...(mode === 'demo' && { prefix: 'mimc-demo' }),
    }),
  });
}
