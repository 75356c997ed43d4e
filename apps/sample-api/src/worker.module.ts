import { type DynamicModule, Module } from '@nestjs/common';
import { broadcastQueue } from './broadcasts/queue/broadcast-queue.js';
import { mimcConnection } from './mimc/mimc-connection.js';
import type { MimcTarget } from './settings/sample-settings.js';

/** A process that sends what others have put on the queue, and serves no HTTP. */
@Module({})
export class WorkerModule {
  static with(settings: MimcTarget & { redisUrl: string }): DynamicModule {
    return { module: WorkerModule, imports: [mimcConnection(settings), broadcastQueue(settings)] };
  }
}
