import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { MimcBroadcastService } from 'nestjs-mimc';
import { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import type { ConsoleSettings } from '../settings.js';
import { AudienceSpool } from './audience/audience-spool.js';
import { BroadcastEvents } from './broadcast-events.js';
import { BroadcastLimits } from './broadcast-limits.js';
import { BroadcastRunner } from './broadcast-runner.js';
import { BroadcastsController } from './broadcasts.controller.js';
import { BroadcastsService } from './broadcasts.service.js';
import { InProcessRunner } from './in-process/in-process.runner.js';
import { broadcastQueue } from './queue/broadcast-queue.js';
import { QueueRunner } from './queue/queue.runner.js';

/** Broadcasts over HTTP: on a queue if Redis is configured, else in this process. */
@Module({})
export class BroadcastsModule {
  static with({ mode, redisUrl, broadcasts }: ConsoleSettings): DynamicModule {
    return {
      module: BroadcastsModule,
      imports: redisUrl === undefined ? [] : [broadcastQueue({ mode, redisUrl })],
      controllers: [BroadcastsController],
      providers: [
        BroadcastsService,
        BroadcastEvents,
        AudienceSpool,
        { provide: BroadcastLimits, useFactory: () => new BroadcastLimits(broadcasts) },
        redisUrl === undefined ? inProcess : onQueue,
      ],
    };
  }
}

const inProcess: Provider = {
  provide: BroadcastRunner,
  inject: [MimcBroadcastService, BroadcastLimits],
  useFactory: (mimc: MimcBroadcastService, limits: BroadcastLimits) => new InProcessRunner(mimc, limits),
};

const onQueue: Provider = {
  provide: BroadcastRunner,
  inject: [MimcBroadcastService, MimcBroadcastQueue],
  useFactory: (mimc: MimcBroadcastService, queue: MimcBroadcastQueue) => new QueueRunner(mimc, queue),
};
