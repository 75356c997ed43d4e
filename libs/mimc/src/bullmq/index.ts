export { MimcQueueModule, type MimcQueueAsyncOptions, type MimcQueueExtras } from './queue/mimc-queue.module.js';
export { MimcBroadcastQueue } from './queue/mimc-broadcast-queue.js';
export { MimcPushQueue } from './queue/mimc-push-queue.js';
export {
  getMimcBroadcastQueueToken,
  getMimcPushQueueToken,
  InjectMimcBroadcastQueue,
  InjectMimcPushQueue,
} from './queue/mimc-queue.tokens.js';
export type { MimcQueuedOutcome } from './queue/job-outcome.js';
export type { MimcQueueDefaults, MimcQueueOptions } from './queue/queue-options.js';
export type {
  MimcBroadcastRequest,
  MimcFailedChunk,
  MimcPauseReason,
  MimcQueuedBroadcast,
  MimcQueuedCounts,
  MimcQueuedState,
} from './queue/queued-broadcast.js';
export type { MimcAnyPush, MimcPushJob, MimcQueuedPush, MimcQueuedPushState } from './queue/queued-push.js';
export type { MimcSendWindow } from './queue/send-window.js';
export type { MimcRedisConnection } from './redis-connection.js';
export type { MimcRedisUnavailable, RedisMimcRateLimiterOptions } from './limiter/redis-limiter-options.js';
export { RedisMimcRateLimiter } from './limiter/redis-rate-limiter.js';
