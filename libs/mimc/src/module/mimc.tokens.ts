import { Inject, InjectionToken } from '@nestjs/common';
import { MimcTokenService } from '../accounts/mimc-token.service.js';
import { MimcBroadcastService } from '../broadcast/mimc-broadcast.service.js';
import { MimcPushService } from '../push/mimc-push.service.js';

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
