import { type INestApplicationContext, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MimcDelivery, MimcModule } from 'nestjs-mimc';
import { MimcQueueModule } from 'nestjs-mimc/bullmq';
import { EMULATOR_CREDENTIALS } from 'nestjs-mimc/testing';

/** What a process of the run is told. */
export interface QueueAppSettings {
  readonly mimcUrl: string;
  readonly redisUrl: string;
  readonly delivery: MimcDelivery;
  readonly worker: boolean;
  readonly concurrency: number;
  readonly lockMs: number;
  readonly prefix?: string;
}

@Module({})
class QueueAppModule {}

/** Boots an application with the queue; quota off. */
export function bootQueueApp(settings: QueueAppSettings): Promise<INestApplicationContext> {
  const { mimcUrl, redisUrl, ...queue } = settings;
  const mimc = MimcModule.forRoot({
    ...EMULATOR_CREDENTIALS,
    baseUrl: mimcUrl,
    fromAccount: 'chaos',
    quota: false,
    isGlobal: true,
  });
  const broadcasts = MimcQueueModule.forRoot({
    connection: redisUrl,
    chunkSize: 10,
    ...queue,
  });
  Logger.overrideLogger(['error']);
  return NestFactory.createApplicationContext(
    { module: QueueAppModule, imports: [mimc, broadcasts] },
    { logger: ['error'] },
  );
}

/** The settings that this process was started with. */
export function givenSettings(): QueueAppSettings {
  return JSON.parse(process.argv[2] ?? '{}') as QueueAppSettings;
}
