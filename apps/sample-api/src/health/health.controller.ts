import { Controller, Get } from '@nestjs/common';
import {
  HealthCheck,
  type HealthCheckResult,
  HealthCheckService,
  type HealthIndicatorFunction,
} from '@nestjs/terminus';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';
import { Public } from '../auth/public.decorator.js';
import { Readiness } from './readiness.js';

@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly readiness: Readiness,
    private readonly mimc: MimcHealthIndicator,
  ) {}

  /** The process runs and answers. */
  @Get('live')
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** 503 once a shutdown begins, so that the load balancer sends new requests elsewhere, and while MIMC fails. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check(this.checks());
  }

  /** What must be healthy. */
  protected checks(): HealthIndicatorFunction[] {
    return [() => this.readiness.isHealthy('server'), () => this.mimc.isHealthy('mimc')];
  }
}
