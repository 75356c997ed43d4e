import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

/** Probes for an orchestrator. */
@Module({})
export class HealthModule {
  /** A `controller` with more checks brings its own `providers`. */
  static create(controller: Type<HealthController> = HealthController, providers: Provider[] = []): DynamicModule {
    return {
      module: HealthModule,
      // Its logger would write a line per probe while something is down.
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [controller],
      providers: [Readiness, MimcHealthIndicator, ...providers],
    };
  }
}
