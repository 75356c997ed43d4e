import { Inject, type InjectionToken } from '@nestjs/common';
import { MimcBroadcastQueue } from './mimc-broadcast-queue.js';
import { MimcPushQueue } from './mimc-push-queue.js';

/** The injection token of the push queue of the module with this `name`; without a name it is the class. */
export function getMimcPushQueueToken(name?: string): InjectionToken<MimcPushQueue> {
  return name === undefined ? MimcPushQueue : `MimcPushQueue:${name}`;
}

/** Injects the push queue of the module with this `name`. */
export const InjectMimcPushQueue = (name?: string) => Inject(getMimcPushQueueToken(name));

/** The injection token of the broadcast queue of the module with this `name`; without a name it is the class. */
export function getMimcBroadcastQueueToken(name?: string): InjectionToken<MimcBroadcastQueue> {
  return name === undefined ? MimcBroadcastQueue : `MimcBroadcastQueue:${name}`;
}

/** Injects the broadcast queue of the module with this `name`. */
export const InjectMimcBroadcastQueue = (name?: string) => Inject(getMimcBroadcastQueueToken(name));
