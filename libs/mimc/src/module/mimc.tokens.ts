import { Inject, InjectionToken } from '@nestjs/common';
import { MimcPushService } from '../push/mimc-push.service.js';

/** The injection token of the push service of the module with this `name`; without a name it is the class. */
export function getMimcPushToken(name?: string): InjectionToken<MimcPushService> {
  return name === undefined ? MimcPushService : `MimcPushService:${name}`;
}

/** Injects the push service of the module with this `name`. */
export const InjectMimcPush = (name?: string) => Inject(getMimcPushToken(name));
