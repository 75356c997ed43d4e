import { type INestApplicationContext, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MimcDelivery, MimcModule } from 'nestjs-mimc';
import { MimcQueueModule, RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import type { MimcEmulatorCredentials } from 'nestjs-mimc/testing';

/** The settings of a process of the run. */
export interface QueueAppSettings {
  readonly mimcUrl: string;
  readonly credentials: MimcEmulatorCredentials;
  readonly redisUrl: string;
  readonly worker: boolean;
  readonly delivery?: MimcDelivery;
  readonly concurrency?: number;
  readonly lockMs?: number;
  readonly prefix?: string;
  /** The quota, which all processes share over Redis. Default: none. */
  readonly accountsPerSecond?: number;
}

@Module({})
class QueueAppModule {}

/** Boots an application with the queues. */
export function bootQueueApp(settings: QueueAppSettings): Promise<INestApplicationContext> {
  const { mimcUrl, credentials, redisUrl, accountsPerSecond, ...queue } = settings;
  const mimc = MimcModule.forRoot({
    ...credentials,
    ...pacing(settings, accountsPerSecond),
    baseUrl: mimcUrl,
    fromAccount: 'chaos',
    isGlobal: true,
  });
  const queues = MimcQueueModule.forRoot({ connection: redisUrl, chunkSize: 10, ...queue });
  Logger.overrideLogger(['error']);
  return NestFactory.createApplicationContext(
    { module: QueueAppModule, imports: [mimc, queues] },
    { logger: ['error'] },
  );
}

function pacing({ credentials, redisUrl, prefix }: QueueAppSettings, accountsPerSecond: number | undefined) {
  if (accountsPerSecond === undefined) return { quota: false } as const;
  const limiter = new RedisMimcRateLimiter({
    connection: redisUrl,
    app: credentials.appId,
    prefix,
    accountsPerSecond,
  });
  return { quota: { accountsPerSecond }, limiter };
}

/** The settings that this process was started with. */
export function givenSettings(): QueueAppSettings {
  return JSON.parse(process.argv[2] ?? '{}') as QueueAppSettings;
}
