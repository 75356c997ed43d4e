export {
  MemoryCallbackStore,
  type MemoryCallbackStoreOptions,
  type MimcCallbackClaim,
  type MimcCallbackStore,
} from './callback-store.js';
export type {
  MimcCallbackApp,
  MimcCallbackOptions,
  MimcCallbackSecret,
  MimcCallbackSecrets,
} from './callback-options.js';
export type {
  MimcAccountMessage,
  MimcAccountMessageType,
  MimcCallbackBase,
  MimcCallbackEvent,
  MimcMessageOf,
  MimcMessageType,
  MimcOfflineAccount,
  MimcOtherCallback,
  MimcTopicMessage,
  MimcTopicMessageType,
  MimcUserMessage,
} from './mimc-callback-event.js';
export { MimcCallbackModule, type MimcCallbackAsyncOptions } from './mimc-callback.module.js';
export {
  OnMimcMessage,
  type MimcHandlerContext,
  type MimcHandlerDecorator,
  type MimcMessageHandler,
} from './on-mimc-message.decorator.js';
