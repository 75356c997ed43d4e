import { DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { BearerGuard } from './bearer.guard.js';

/** Guards every route of the application with one API key. */
@Module({})
export class AuthModule {
  static withKey(apiKey: string): DynamicModule {
    const guard = {
      provide: APP_GUARD,
      inject: [Reflector],
      useFactory: (reflector: Reflector) => new BearerGuard(reflector, apiKey),
    };
    return { module: AuthModule, providers: [guard] };
  }
}
