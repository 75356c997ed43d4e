import { Injectable, OnModuleDestroy } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

/** Whether the application accepts new work: not after a shutdown has begun. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  #closing = false;

  constructor(private readonly health: HealthIndicatorService) {}

  /** The first hook of a shutdown, before the one in which the push service waits for the calls in flight. */
  onModuleDestroy(): void {
    this.#closing = true;
  }

  isHealthy<const Key extends string>(key: Key): HealthIndicatorResult<Key> {
    const indicator = this.health.check(key);
    return this.#closing ? indicator.down('Shutting down') : indicator.up();
  }
}
