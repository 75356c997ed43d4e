/**
 * What the entries of this package share with its core, and applications do not see: not exported by package.json, and free
 * to change in any version.
 *
 * @packageDocumentation
 */
export { IsClean } from './validation/clean-text.js';
export { AudienceReader } from './broadcast/audience-reader.js';
export { Backoff } from './broadcast/backoff.js';
export { isTransient } from './broadcast/chunk-sender.js';
export { textOf, violationsOfAudience } from './broadcast/audience.js';
export { SettledRanges } from './broadcast/settled-ranges.js';
export type { CallLimits } from './delivery/call-scope.js';
export type { Call, Delivered } from './delivery/delivery-engine.js';
export { within } from './delivery/within.js';
export { notSent, unexpected } from './errors/mimc-error.js';
export { errorName } from './errors/visible.js';
export { resolveOptions, splitExtras } from './module/resolve-options.js';
export { scopeGuard } from './module/scope-guard.js';
export { AbortWatch } from './pacing/abort-watch.js';
export { Alarm, type AlarmListener } from './pacing/alarm.js';
export { defaultChunkSize } from './pacing/quota.js';
export { Waiter, type WaiterHost, WaitingLane } from './pacing/waiting-lane.js';
export type { CheckedMessage, StoredEndpoint, StoredPush } from './push/push-kinds.js';
export { ENDPOINTS, isBatch, isPush } from './transport/endpoints.js';
export { stopFailure } from './transport/mimc-transport.js';
export { check, checkNested, fieldsOf, takeOut, withDefaults } from './validation/check.js';
export { MAX_NAME_LENGTH, MAX_RECIPIENTS, accountRule, topicIdRule } from './validation/push-rules.js';
export {
  IfSet,
  IsBoolean,
  IsCountOrFalse,
  IsIn,
  IsIntFrom,
  IsPlainObject,
  MAX_TIMER_MS,
  Matches,
  declaredFields,
  isRecord,
  mustBe,
  type Rule,
} from './validation/rules.js';
export { invalid, refuseOptions } from './validation/violations.js';
