import { Controller } from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorFunction } from '@nestjs/terminus';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';
import { HealthController } from '../../../sample-api/src/health/health.controller.js';
import { Readiness } from '../../../sample-api/src/health/readiness.js';
import { QueueHealth } from './queue.health.js';

/** The sample's probes; ready only while Redis answers, too. */
@Controller('health')
export class QueueHealthController extends HealthController {
  constructor(
    health: HealthCheckService,
    readiness: Readiness,
    mimc: MimcHealthIndicator,
    private readonly queue: QueueHealth,
  ) {
    super(health, readiness, mimc);
  }

  protected override checks(): HealthIndicatorFunction[] {
    return [...super.checks(), () => this.queue.isHealthy('redis')];
  }
}
