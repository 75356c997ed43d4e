export {
  MimcBroadcastQueueModule,
  type MimcBroadcastQueueAsyncOptions,
  type MimcBroadcastQueueExtras,
} from './queue/mimc-broadcast-queue.module.js';
export { MimcBroadcastQueue } from './queue/mimc-broadcast-queue.js';
export { getMimcBroadcastQueueToken, InjectMimcBroadcastQueue } from './queue/mimc-broadcast-queue.tokens.js';
export type { MimcBroadcastQueueOptions, MimcChunkRetryOptions } from './queue/queue-options.js';
export type {
  MimcBroadcastRequest,
  MimcFailedChunk,
  MimcPauseReason,
  MimcQueuedBroadcast,
  MimcQueuedCounts,
  MimcQueuedState,
} from './queue/queued-broadcast.js';
export type { MimcRedisConnection } from './queue/redis-clients.js';
export type { MimcRedisUnavailable, RedisMimcRateLimiterOptions } from './limiter/redis-limiter-options.js';
export { RedisMimcRateLimiter } from './limiter/redis-rate-limiter.js';
