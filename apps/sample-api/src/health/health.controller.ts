import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';
import { Public } from '../auth/public.decorator.js';
import { LiveDocs, ReadyDocs } from '../docs/health.docs.js';
import { QueueHealth } from './queue.health.js';
import { Readiness } from './readiness.js';

@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly readiness: Readiness,
    private readonly mimc: MimcHealthIndicator,
    private readonly queue: QueueHealth,
  ) {}

  /** The process runs and answers. */
  @Get('live')
  @LiveDocs()
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** 503 from the moment a shutdown begins, for the load balancer to send new requests elsewhere, and while MIMC or Redis fails. */
  @Get('ready')
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ReadyDocs()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.readiness.isHealthy('server'),
      () => this.mimc.isHealthy('mimc'),
      ...(this.queue.isUsed ? [() => this.queue.isHealthy('redis')] : []),
    ]);
  }
}
