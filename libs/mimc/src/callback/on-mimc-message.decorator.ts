import { SetMetadata } from '@nestjs/common';
import type { MimcCallbackEvent, MimcMessageOf, MimcMessageType } from './mimc-callback-event.js';

/** What a handler gets besides the event. */
export interface MimcHandlerContext {
  /** Aborted when `timeoutMs` has passed: MIMC was answered 503 then. */
  readonly signal: AbortSignal;
}

/** A method that handles callbacks of these types. */
export type MimcMessageHandler<Event extends MimcCallbackEvent> = (
  event: Event,
  context: MimcHandlerContext,
) => unknown;

/** Decorates a method of that signature. */
export type MimcHandlerDecorator<Event extends MimcCallbackEvent> = <Method extends MimcMessageHandler<Event>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/** Where the types stand that a method handles. */
export const HANDLED_TYPES = Symbol.for('nestjs-mimc.OnMimcMessage');

/**
 * Marks a method of a provider or controller as a handler of callbacks: of these types, or of all, unknown ones too, when
 * none is named. All handlers of a callback run at once; MIMC is answered 200 when all of them have resolved, and else
 * repeats the callback, for all of them again.
 *
 * @example
 * \@OnMimcMessage('OFFLINE_MSG')
 * async wake(message: MimcAccountMessage) { await this.phones.wake(message.toAccount); }
 */
export function OnMimcMessage(): MimcHandlerDecorator<MimcCallbackEvent>;
export function OnMimcMessage<Type extends MimcMessageType>(
  ...types: readonly [Type, ...Type[]]
): MimcHandlerDecorator<MimcMessageOf<Type>>;
export function OnMimcMessage(...types: readonly string[]): MethodDecorator {
  return SetMetadata(HANDLED_TYPES, types);
}
