import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';
import { HealthController } from './health.controller.js';
import { QueueHealth } from './queue.health.js';
import { Readiness } from './readiness.js';

@Module({
  // Its logger would write a line at every probe while something is down.
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [Readiness, MimcHealthIndicator, QueueHealth],
})
export class HealthModule {}
