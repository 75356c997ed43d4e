import { type DynamicModule, Module } from '@nestjs/common';
import { broadcastQueue } from './broadcasts/queue/broadcast-queue.js';
import { sharedConnection } from './mimc/shared-connection.js';
import type { MimcTarget } from './settings.js';

/** A process that sends what others have put on the queue, and serves no HTTP. */
@Module({})
export class WorkerModule {
  static with(settings: MimcTarget & { redisUrl: string }): DynamicModule {
    return { module: WorkerModule, imports: [sharedConnection(settings), broadcastQueue(settings)] };
  }
}
