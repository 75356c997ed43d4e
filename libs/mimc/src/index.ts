export { MimcTokenService, type MimcToken } from './accounts/mimc-token.service.js';
export type { TokenOptions } from './accounts/token-request.js';
export { inPages, type MimcAudience, type MimcPages } from './broadcast/audience.js';
export type { Broadcast } from './broadcast/broadcast.js';
export type {
  MimcBroadcastChunk,
  MimcBroadcastMessage,
  MimcBroadcastOptions,
  MimcPersonalOptions,
  MimcPersonalPush,
  MimcBroadcastOutcome,
  MimcBroadcastProgress,
  MimcBroadcastSummary,
} from './broadcast/broadcast-options.js';
export type { MimcBroadcastCheckpoint, MimcCheckpointOutcome } from './broadcast/checkpoint.js';
export type { MimcBroadcastEstimate } from './broadcast/estimate.js';
export { MimcBroadcastService } from './broadcast/mimc-broadcast.service.js';
export type { MimcSettledRecipients } from './broadcast/settled-ranges.js';
export {
  MIMC_ERROR_TABLE,
  mimcErrorBody,
  mimcErrorTable,
  toHttpException,
  type MimcErrorBody,
  type MimcErrorMapper,
  type MimcErrorTable,
} from './errors/error-table.js';
export { MimcErrorInterceptor } from './errors/mimc-error.interceptor.js';
export {
  MimcError,
  type MimcEndpoint,
  type MimcPushEndpoint,
  type MimcTopicEndpoint,
  type MimcErrorCode,
  type MimcErrorInit,
  type MimcErrorJson,
  type MimcOutcome,
  type MimcViolation,
} from './errors/mimc-error.js';
export { MimcExceptionFilter } from './errors/mimc-exception.filter.js';
export type { MimcModuleOptions, MimcOptionsFactory } from './module/mimc-options.js';
export type { MimcServices } from './module/mimc-services.js';
export { MimcTenants, type MimcTenantsStatus, type MimcTenantStatus } from './module/mimc-tenants.js';
export type { MimcTenantsOptions, MimcTenantsOptionsFactory } from './module/mimc-tenants-options.js';
export type {
  MimcTenantsAsyncOptions,
  MimcTenantsExtras,
  MimcTenantsModuleOptions,
} from './module/mimc-tenants.module.js';
export { mimcConfig } from './module/mimc.config.js';
export {
  type MimcAsyncOptions,
  type MimcConfiguration,
  MimcModule,
  type MimcModuleExtras,
} from './module/mimc.module.js';
export { unknownVariables } from './module/unknown-variables.js';
export {
  getMimcBroadcastToken,
  getMimcPushToken,
  getMimcTokenServiceToken,
  getMimcTopicToken,
  getMimcUnlimitedTopicToken,
  InjectMimcBroadcast,
  InjectMimcPush,
  InjectMimcTokens,
  InjectMimcTopic,
  InjectMimcUnlimitedTopic,
} from './module/mimc.tokens.js';
export { SlidingWindowLimiter, type SlidingWindowLimiterOptions } from './pacing/sliding-window.limiter.js';
export type {
  MimcAcquireOptions,
  MimcLane,
  MimcLimiterStatus,
  MimcPermit,
  MimcRateLimiter,
} from './pacing/rate-limiter.js';
export type {
  MimcAttemptEvent,
  MimcCallEvent,
  MimcFailureEvent,
  MimcRetryEvent,
  MimcThrottledEvent,
} from './delivery/diagnostics.js';
export type { MimcQuotaBucket, MimcQuotaKind, MimcQuotaOptions } from './pacing/quota.js';
export type { InPart } from './validation/check.js';
export type { MimcDelivery, MimcRetryOptions } from './delivery/retry.js';
export type { CallReceipt, MimcTiming } from './delivery/call-progress.js';
export type { TopicId } from './validation/push-rules.js';
export { mimcExceptionFactory } from './validation/violations.js';
export type { MimcCallOptions } from './push/api-call.js';
export { binaryMsg, jsonMsg, textMsg, type MimcMessage } from './push/messages.js';
export { MimcPushService } from './push/mimc-push.service.js';
export type { PushOptions } from './push/push-options.js';
export {
  PushDto,
  PushMessageDto,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
  type MsgType,
} from './push/push.dto.js';
export {
  PushManyToUnlimitedTopicDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
} from './push/unlimited-push.dto.js';
export type { MimcPushStatus, MimcQuotaStatus } from './push/push-status.js';
export type { MimcRecentAttempts } from './delivery/push-watch.js';
export type { BatchPushReceipt, PushReceipt } from './push/receipts.js';
export type { MimcAppSecrets } from './delivery/credentials-source.js';
export { MimcTopicService, type ReadReceipt } from './topics/mimc-topic.service.js';
export { MimcUnlimitedTopicService } from './topics/mimc-unlimited-topic.service.js';
export type { MimcTopic, MimcTopicInfo, MimcTopicMember } from './topics/topic-answers.js';
export {
  CreateTopicDto,
  CreateUnlimitedTopicDto,
  TopicAccountsDto,
  TopicActionDto,
  TransferTopicDto,
  UpdateTopicDto,
  UpdateUnlimitedTopicDto,
} from './topics/topic.dto.js';
export type { MimcUnlimitedTopic, MimcUnlimitedTopicMember } from './topics/unlimited-topic-answers.js';
export type { MimcDispatcher, MimcTimeoutOptions } from './transport/exchange.js';
