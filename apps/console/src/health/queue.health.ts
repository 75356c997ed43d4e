import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';

/** Whether Redis, which holds the queue and the quota, answers. */
@Injectable()
export class QueueHealth {
  constructor(
    private readonly health: HealthIndicatorService,
    private readonly queue: MimcBroadcastQueue,
  ) {}

  async isHealthy<const Key extends string>(key: Key): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.health.check(key);
    try {
      await this.queue.ping();
      return indicator.up();
    } catch {
      return indicator.down('Redis does not answer');
    }
  }
}
