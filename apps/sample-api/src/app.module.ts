import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { BroadcastsController } from './broadcasts/broadcasts.controller.js';
import { CallbacksModule } from './callbacks/callbacks.module.js';
import { ErrorsModule } from './errors/errors.module.js';
import { HealthModule } from './health/health.module.js';
import { IndexController } from './index.controller.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { mimcConnection } from './mimc/mimc-connection.js';
import { PushController } from './push/push.controller.js';
import type { Settings } from './settings.js';
import { Sessions } from './tokens/sessions.js';
import { TokensController } from './tokens/tokens.controller.js';
import { TopicsController } from './topics/topics.controller.js';

/** The whole application. */
@Module({})
export class AppModule {
  static with({ mode, apiKey }: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        mimcConnection(mode),
        AuthModule.withKey(apiKey),
        CallbacksModule.with(mode),
        ErrorsModule,
        HealthModule.create(),
        MetricsModule.create(),
      ],
      controllers: [IndexController, PushController, BroadcastsController, TokensController, TopicsController],
      providers: [Sessions],
    };
  }
}
