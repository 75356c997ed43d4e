import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from '../../sample-api/src/auth/auth.module.js';
import { CallbacksModule } from '../../sample-api/src/callbacks/callbacks.module.js';
import { ErrorsModule } from '../../sample-api/src/errors/errors.module.js';
import { HealthModule } from '../../sample-api/src/health/health.module.js';
import { IndexController } from '../../sample-api/src/index.controller.js';
import { MetricsModule } from '../../sample-api/src/metrics/metrics.module.js';
import { PushController } from '../../sample-api/src/push/push.controller.js';
import { Sessions } from '../../sample-api/src/tokens/sessions.js';
import { TokensController } from '../../sample-api/src/tokens/tokens.controller.js';
import { TopicsController } from '../../sample-api/src/topics/topics.controller.js';
import { BroadcastsModule } from './broadcasts/broadcasts.module.js';
import { QueueHealthController } from './health/queue-health.controller.js';
import { QueueHealth } from './health/queue.health.js';
import { sharedConnection } from './mimc/shared-connection.js';
import { ConsoleModule } from './page/console.module.js';
import type { ConsoleSettings } from './settings.js';

/** The sample's modules, with more powerful broadcasts and what the page needs. */
@Module({})
export class AppModule {
  static with(settings: ConsoleSettings): DynamicModule {
    const isQueued = settings.redisUrl !== undefined;
    return {
      module: AppModule,
      imports: [
        sharedConnection(settings),
        AuthModule.withKey(settings.apiKey),
        CallbacksModule.with(settings.mode),
        ErrorsModule,
        isQueued ? HealthModule.create(QueueHealthController, [QueueHealth]) : HealthModule.create(),
        MetricsModule.create(),
        BroadcastsModule.with(settings),
        ...(settings.console ? [ConsoleModule.with(settings)] : []),
      ],
      controllers: [IndexController, PushController, TokensController, TopicsController],
      providers: [Sessions],
    };
  }
}
