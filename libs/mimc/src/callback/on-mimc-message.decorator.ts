import { SetMetadata } from '@nestjs/common';
import type { MimcCallbackEvent, MimcMessageOf, MimcMessageType } from './mimc-callback-event.js';

/** What a handler gets besides the event. */
export interface MimcHandlerContext {
  /** Aborted after `timeoutMs`, when MIMC gets 503. */
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

/** The metadata key of the types that a method handles. */
export const HANDLED_TYPES = Symbol.for('nestjs-mimc.OnMimcMessage');

/**
 * Marks a method of a provider or controller as a handler of callbacks: of the given types, or of all types, including unknown
 * ones, when none is given. All handlers of a callback run concurrently. MIMC gets 200 once all of them have resolved; otherwise
 * it repeats the callback, and all of them run again.
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
