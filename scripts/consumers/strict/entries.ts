/** As core.ts, for the entries with optional peers. */
import {
  type MimcBroadcastQueue,
  MimcQueueModule,
  RedisMimcRateLimiter,
  type RedisMimcRateLimiterOptions,
} from 'nestjs-mimc/bullmq';
import { type MimcAccountMessage, MimcCallbackModule, OnMimcMessage } from 'nestjs-mimc/callback';
import { instrumentMimc, MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { ApiMimcErrors, type MimcErrorDto, PushReceiptDto } from 'nestjs-mimc/swagger';
import type { MimcHealthIndicator } from 'nestjs-mimc/terminus';

const maybe = (name: string): number | undefined => (process.env[name] === undefined ? undefined : 1);

const limiterOptions: RedisMimcRateLimiterOptions = {
  connection: 'redis://127.0.0.1',
  app: '1',
  prefix: undefined,
  accountsPerSecond: maybe('ACCOUNTS'),
  topicsPerSecond: undefined,
  maxQueued: undefined,
  leaseMs: undefined,
  answerMs: undefined,
  onRedisUnavailable: undefined,
};

export const limiter = () => new RedisMimcRateLimiter(limiterOptions);

export const modules = [
  MimcOpenTelemetryModule.forRoot({ names: undefined, tracerProvider: undefined, meterProvider: undefined }),
  MimcQueueModule.forRoot({
    connection: 'redis://127.0.0.1',
    prefix: undefined,
    delivery: undefined,
    chunkSize: maybe('CHUNK'),
    concurrency: undefined,
    retentionMs: undefined,
    worker: undefined,
    attempts: maybe('ATTEMPTS'),
    stopAfterConsecutiveFailures: undefined,
    lockMs: undefined,
    shutdownMs: undefined,
    name: undefined,
    isGlobal: undefined,
  }),
  MimcQueueModule.forRootAsync({
    imports: undefined,
    inject: undefined,
    name: undefined,
    isGlobal: undefined,
    useFactory: () => ({ connection: { host: '127.0.0.1' }, chunkSize: maybe('CHUNK') }),
  }),
];

export const callbacks = [
  MimcCallbackModule.forRoot({
    apps: [{ appId: '1', appSecret: '2' }],
    path: undefined,
    toleranceMs: undefined,
    maxAgeMs: maybe('AGE') ?? false,
    timeoutMs: maybe('MS'),
    maxBodyBytes: undefined,
    store: undefined,
    rememberMs: undefined,
  }),
  MimcCallbackModule.forRootAsync({
    imports: undefined,
    inject: undefined,
    useFactory: () => ({ apps: async (appId: string) => (appId === '1' ? ['2', '3'] : undefined) }),
  }),
];

export class Messages {
  @OnMimcMessage('NORMAL_MSG', 'OFFLINE_MSG')
  store({ text, sequence }: MimcAccountMessage): string | undefined {
    return text ?? sequence;
  }
}

export const docs = [ApiMimcErrors(), ApiMimcErrors(undefined), ApiMimcErrors({ codes: undefined, table: undefined })];

export const answers = (error: MimcErrorDto, receipt = new PushReceiptDto()) => [
  error.violations?.[0]?.field,
  receipt.packetId,
];

export async function use(queue: MimcBroadcastQueue, health: MimcHealthIndicator): Promise<number> {
  const stop = instrumentMimc({ tracerProvider: undefined, meterProvider: undefined });
  const audience = ['alice', 'bob'] as const;
  await queue.enqueue({ id: 'sale', kind: undefined, message: { msg: 'hello', bizType: undefined }, audience });
  let count = 0;
  for await (const state of queue.watch('sale', { intervalMs: maybe('MS'), signal: undefined }))
    count += state.counts.read;
  for await (const chunk of queue.failedChunks('sale')) count += chunk.recipients.length;
  await health.isHealthy('mimc', { name: undefined, maxQueued: maybe('MAX'), forgetAfterMs: undefined });
  stop();
  return count;
}
