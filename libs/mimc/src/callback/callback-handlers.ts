import { isObservable, lastValueFrom } from 'rxjs';
import { Logger } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { notSent } from '../internals.js';
import type { MimcCallbackEvent } from './mimc-callback-event.js';
import { describe } from './foreign-error.js';
import { HANDLED_TYPES, type MimcHandlerContext, type MimcMessageHandler } from './on-mimc-message.decorator.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A method marked with `@OnMimcMessage`. */
interface Handler {
  /** `Class.method`. */
  readonly name: string;
  /** The types it handles; empty means all. */
  readonly types: readonly string[];
  readonly run: MimcMessageHandler<MimcCallbackEvent>;
}

/** Finds and runs the methods marked with `@OnMimcMessage`. */
export class CallbackHandlers {
  readonly #logger = new Logger('MimcCallbackModule');
  #handlers: readonly Handler[] = [];

  /**
   * Finds them in all providers and controllers.
   *
   * @throws MimcError `MIMC_CONFIG` when one of them is request-scoped or transient
   */
  find(discovery: DiscoveryService, scanner: MetadataScanner): void {
    const wrappers = [...discovery.getProviders(), ...discovery.getControllers()];
    // An alias (`useExisting`) lists the same instance again.
    const owners = new Map(wrappers.map((wrapper) => [wrapper.instance ?? wrapper, wrapper] as const));
    this.#handlers = [...owners.values()].flatMap((wrapper) => handlersOf(wrapper, scanner));
    if (this.#handlers.length === 0) {
      this.#logger.warn('No method is marked with @OnMimcMessage: callbacks are accepted and dropped');
    }
  }

  /**
   * Runs all handlers of this event concurrently.
   *
   * @throws CallbackFailed when one of them failed, after all have settled
   */
  async run(makeEvent: () => MimcCallbackEvent, type: string, context: MimcHandlerContext): Promise<void> {
    const handlers = this.#handlers.filter(({ types }) => types.length === 0 || types.includes(type));
    const results = await Promise.all(handlers.map((handler) => this.#runOne(handler, makeEvent(), context)));
    if (results.includes('failed')) throw new CallbackFailed();
  }

  async #runOne(handler: Handler, event: MimcCallbackEvent, context: MimcHandlerContext): Promise<'done' | 'failed'> {
    try {
      const result: unknown = await handler.run(event, context);
      // Nest does the same with what a controller returns; nothing else would subscribe.
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      return 'done';
    } catch (error) {
      const { kind, frames } = describe(error);
      const what = `${handler.name} failed for the callback ${event.id} (${kind}); MIMC will repeat it`;
      this.#logger.error(what, frames);
      return 'failed';
    }
  }
}

/** A handler failed; its error has been logged. */
export class CallbackFailed extends Error {}

function handlersOf(wrapper: Wrapper, scanner: MetadataScanner): Handler[] {
  const prototype = prototypeOf(wrapper);
  if (prototype === undefined) return [];
  return scanner.getAllMethodNames(prototype).flatMap((method) => {
    const run: unknown = prototype[method];
    const types: unknown = typeof run === 'function' ? Reflect.getMetadata(HANDLED_TYPES, run) : undefined;
    if (typeof run !== 'function' || !Array.isArray(types)) return [];
    const name = `${wrapper.name}.${method}`;
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) throw notForAll(name);
    const instance = wrapper.instance as Record<string, MimcMessageHandler<MimcCallbackEvent>>;
    return [{ name, types: types as string[], run: (event, context) => instance[method]?.(event, context) }];
  });
}

/** The prototype of a provider's class; for a factory or a value, that of the object it provides. */
function prototypeOf({ instance, metatype, inject }: Wrapper): Record<string, unknown> | undefined {
  const isClass = typeof metatype === 'function' && inject === undefined;
  const prototype: unknown = isClass ? metatype.prototype : instance && Object.getPrototypeOf(instance);
  return typeof prototype === 'object' && prototype !== null ? (prototype as Record<string, unknown>) : undefined;
}

function notForAll(name: string) {
  const message =
    `${name} is marked with @OnMimcMessage, but its class is request-scoped or transient, or injects something that is: ` +
    'a callback is not part of any request of the application. Give the provider the default scope';
  return notSent('MIMC_CONFIG', message);
}
