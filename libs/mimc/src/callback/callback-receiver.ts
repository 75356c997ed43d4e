import { clearTimeout, setTimeout } from 'node:timers';
import { Logger } from '@nestjs/common';
import { errorName } from '../internals.js';
import { eventOf } from './callback-event.js';
import type { Fields } from './callback-fields.js';
import { CallbackFailed, type CallbackHandlers } from './callback-handlers.js';
import type { CallbackSettings } from './callback-options.js';
import { CallbackVerifier } from './callback-verifier.js';
import { CallbackRefusal } from './refusal.js';

/** More callbacks at a time are answered 503: their handlers hang, or MIMC is faster than they are. */
const MAX_IN_FLIGHT = 1_000;

/** Takes a callback from its fields to its outcome: verified, handled once, and remembered. */
export class CallbackReceiver {
  readonly #settings: CallbackSettings;
  readonly #handlers: CallbackHandlers;
  readonly #verifier: CallbackVerifier;
  /** By id; each rejects with a CallbackRefusal. */
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #logger = new Logger('MimcCallbackModule');

  constructor(settings: CallbackSettings, handlers: CallbackHandlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#verifier = new CallbackVerifier(settings);
  }

  /**
   * Resolves when the callback was handled, by this call or one before it.
   *
   * @throws CallbackRefusal with the status that MIMC is answered
   */
  async receive(fields: Fields): Promise<void> {
    const { timeoutMs } = this.#settings;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const timeUp = new Promise<never>((_, reject) => {
      const reason = `the callback was not handled within ${timeoutMs} ms`;
      timeout.signal.addEventListener('abort', () => reject(new CallbackRefusal(503, reason)));
    });
    try {
      await Promise.race([this.#handle(fields, timeout.signal), timeUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #handle(fields: Fields, signal: AbortSignal): Promise<void> {
    const verified = await this.#ask('the function `apps`', () => this.#verifier.verify(fields));
    const makeEvent = () => eventOf(fields, verified.appId, verified.timestamp);
    const { id, type } = makeEvent();
    // A repeat waits for the first one, even after that was answered 503 as its handlers took too long.
    const earlier = this.#inFlight.get(id);
    if (earlier !== undefined) return earlier;
    if (signal.aborted) return;
    if (this.#inFlight.size >= MAX_IN_FLIGHT) throw new CallbackRefusal(503, 'too many callbacks are being handled');
    const handled = this.#handleOnce(id, () => this.#handlers.run(makeEvent, type, { signal }));
    this.#inFlight.set(id, handled);
    return handled.finally(() => this.#inFlight.delete(id));
  }

  async #handleOnce(id: string, run: () => Promise<void>): Promise<void> {
    const { store, timeoutMs, rememberMs } = this.#settings;
    const claim = await this.#ask('the store', () => store.take(id, 2 * timeoutMs));
    if (claim === 'done') return;
    if (claim !== 'taken') throw new CallbackRefusal(503, 'the callback is being handled by another process');
    try {
      await run();
    } catch (error) {
      this.#tell('release', id, () => store.release(id));
      if (error instanceof CallbackFailed) throw new CallbackRefusal(500, 'a handler failed');
      throw error;
    }
    this.#tell('done', id, () => store.done(id, rememberMs));
  }

  /** Foreign code: what it throws is not shown, as it may hold a secret. */
  async #ask<T>(what: string, ask: () => T | Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof CallbackRefusal) throw error;
      throw new CallbackRefusal(503, 'the callback cannot be handled now', `${what} failed (${errorName(error)})`);
    }
  }

  /** The outcome is known, whatever the store makes of it. */
  #tell(what: 'done' | 'release', id: string, tell: () => void | Promise<void>): void {
    const failed = (error: unknown) =>
      this.#logger.error(`The store failed at ${what} of the callback ${id} (${errorName(error)})`);
    try {
      Promise.resolve(tell()).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
