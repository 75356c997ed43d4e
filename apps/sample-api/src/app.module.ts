import { DynamicModule, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MimcErrorInterceptor } from 'nestjs-mimc';
import { AuthModule } from './auth/auth.module.js';
import { BroadcastsModule } from './broadcasts/broadcasts.module.js';
import { ConsoleModule } from './console/console.module.js';
import { HealthModule } from './health/health.module.js';
import { IndexController } from './index.controller.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { mimcConnection } from './mimc/mimc-connection.js';
import { PushController } from './push/push.controller.js';
import type { SampleSettings } from './settings/sample-settings.js';

@Module({})
export class AppModule {
  static with(settings: SampleSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        mimcConnection(settings),
        AuthModule.withKey(settings.apiKey),
        HealthModule,
        MetricsModule.create(),
        BroadcastsModule.with(settings),
        ...(settings.console ? [ConsoleModule.with(settings)] : []),
      ],
      controllers: [IndexController, PushController],
      providers: [{ provide: APP_INTERCEPTOR, useClass: MimcErrorInterceptor }],
    };
  }
}
