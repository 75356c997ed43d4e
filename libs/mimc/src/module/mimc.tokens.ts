import { Inject, InjectionToken } from '@nestjs/common';
import { MimcTokenService } from '../accounts/mimc-token.service.js';
import { MimcBroadcastService } from '../broadcast/mimc-broadcast.service.js';
import { MimcPushService } from '../push/mimc-push.service.js';
import { MimcTopicService } from '../topics/mimc-topic.service.js';
import { MimcUnlimitedTopicService } from '../topics/mimc-unlimited-topic.service.js';

/** The injection token of the push service of the module with this `name`; without a name it is the class. */
export function getMimcPushToken(name?: string): InjectionToken<MimcPushService> {
  return name === undefined ? MimcPushService : `MimcPushService:${name}`;
}

/** Injects the push service of the module with this `name`. */
export const InjectMimcPush = (name?: string) => Inject(getMimcPushToken(name));

/** The injection token of the broadcast service of the module with this `name`; without a name it is the class. */
export function getMimcBroadcastToken(name?: string): InjectionToken<MimcBroadcastService> {
  return name === undefined ? MimcBroadcastService : `MimcBroadcastService:${name}`;
}

/** Injects the broadcast service of the module with this `name`. */
export const InjectMimcBroadcast = (name?: string) => Inject(getMimcBroadcastToken(name));

/** The injection token of the service that issues account tokens, of the module with this `name`; without a name it is the class. */
export function getMimcTokenServiceToken(name?: string): InjectionToken<MimcTokenService> {
  return name === undefined ? MimcTokenService : `MimcTokenService:${name}`;
}

/** Injects the service that issues account tokens, of the module with this `name`. */
export const InjectMimcTokens = (name?: string) => Inject(getMimcTokenServiceToken(name));

/** The injection token of the group service of the module with this `name`; without a name it is the class. */
export function getMimcTopicToken(name?: string): InjectionToken<MimcTopicService> {
  return name === undefined ? MimcTopicService : `MimcTopicService:${name}`;
}

/** Injects the group service of the module with this `name`. */
export const InjectMimcTopic = (name?: string) => Inject(getMimcTopicToken(name));

/** The injection token of the service for unlimited groups, of the module with this `name`; without a name it is the class. */
export function getMimcUnlimitedTopicToken(name?: string): InjectionToken<MimcUnlimitedTopicService> {
  return name === undefined ? MimcUnlimitedTopicService : `MimcUnlimitedTopicService:${name}`;
}

/** Injects the service for unlimited groups of the module with this `name`. */
export const InjectMimcUnlimitedTopic = (name?: string) => Inject(getMimcUnlimitedTopicToken(name));
