import type { DynamicModule } from '@nestjs/common';
import { mimcConfig } from 'nestjs-mimc';
import { MimcBroadcastQueueModule } from 'nestjs-mimc/bullmq';
import type { ConsoleSettings } from '../../settings.js';

/** The queue of broadcasts, which this process works on too. */
export function broadcastQueue({ mode, redisUrl }: { mode: ConsoleSettings['mode']; redisUrl: string }): DynamicModule {
  return MimcBroadcastQueueModule.forRootAsync({
    isGlobal: true,
    useFactory: () => ({
      connection: redisUrl,
      // By app: a demo on the Redis of others must not take their broadcasts and give them to its emulator.
      prefix: `mimc-${mode === 'demo' ? 'demo' : mimcConfig().appId.replaceAll(/\W/g, '_')}`,
    }),
  });
}
