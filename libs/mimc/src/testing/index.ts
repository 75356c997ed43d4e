export type { EmulatorCallbackType } from './emulator/callbacks/callback-body.js';
export type { EmulatedCallback, EmulatedCallbackAttempt } from './emulator/callbacks/callback-delivery.js';
export type { MimcEmulatorCallbackOptions } from './emulator/callbacks/callback-options.js';
export type { EmulatorUserMessage } from './emulator/callbacks/user-message.js';
export { CHAOS_FAULTS, type MimcEmulatorChaos } from './emulator/chaos.js';
export type {
  EmulatorAudience,
  EmulatorEndpoint,
  EmulatorPushEndpoint,
  EmulatorTopicEndpoint,
} from './emulator/endpoint.js';
export type { EmulatorFault, EmulatorFaultKind } from './emulator/faults.js';
export type {
  EmulatedMessage,
  EmulatedRequest,
  EmulatorMessageListener,
  EmulatorRequestListener,
  EmulatorTotals,
} from './emulator/ledger.js';
export {
  EMULATOR_CREDENTIALS,
  type MimcEmulatorCredentials,
  type MimcEmulatorOptions,
  type MimcEmulatorThrottle,
} from './emulator/options.js';
export type { MimcEmulatorQuota } from './emulator/quota.js';
export { MimcEmulator } from './emulator/mimc-emulator.js';
export { MimcTestingModule, type MimcTestingModuleOptions } from './mimc-testing.module.js';
export { RecordingMimcPushService, type RecordedPush } from './recording-push.service.js';
export { RecordingMimcTokenService, type RecordedToken } from './recording-token.service.js';
export { RecordingMimcTopicService, type RecordedTopicCall } from './recording-topic.service.js';
export {
  RecordingMimcUnlimitedTopicService,
  type RecordedUnlimitedTopicCall,
} from './recording-unlimited-topic.service.js';
