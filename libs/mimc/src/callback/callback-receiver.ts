import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { errorName } from '../internals.js';
import { eventOf } from './callback-event.js';
import type { Fields } from './callback-fields.js';
import { CallbackFailed, type CallbackHandlers } from './callback-handlers.js';
import type { CallbackSettings } from './callback-options.js';
import type { MimcCallbackClaim } from './callback-store.js';
import { CallbackVerifier } from './callback-verifier.js';
import { CallbackRefusal } from './refusal.js';
import { TimeLimit, until } from './time-limit.js';

/** How many verified callbacks are handled at a time; MIMC gets 503 for more, and repeats them. */
const MAX_IN_FLIGHT = 1_000;

/** Takes a callback from its fields to its outcome: verified, handled once, and remembered. */
export class CallbackReceiver {
  readonly #settings: CallbackSettings;
  readonly #handlers: CallbackHandlers;
  readonly #verifier: CallbackVerifier;
  /** By id; each settles within the lease, and rejects with a CallbackRefusal. */
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #logger = new Logger('MimcCallbackModule');

  constructor(settings: CallbackSettings, handlers: CallbackHandlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#verifier = new CallbackVerifier(settings);
  }

  /**
   * Resolves once the callback has been handled, by this call or an earlier one.
   *
   * @throws CallbackRefusal with the status of the response
   */
  async receive(fields: Fields): Promise<void> {
    const limit = new TimeLimit(this.#settings.timeoutMs);
    try {
      await this.#handle(fields, limit.signal);
    } finally {
      limit.clear();
    }
  }

  async #handle(fields: Fields, signal: AbortSignal): Promise<void> {
    const verified = await this.#ask('the function `apps`', this.#verifier.verify(fields), signal);
    const makeEvent = () => eventOf(fields, verified.appId, verified.timestamp);
    const { id, type } = makeEvent();
    // A repeat waits for the first one, even if that was answered 503 because its handlers took too long.
    const handled = this.#inFlight.get(id) ?? this.#begin(id, () => this.#handlers.run(makeEvent, type, { signal }));
    const { timeoutMs } = this.#settings;
    await until(handled, signal, () => new CallbackRefusal(503, `the callback was not handled within ${timeoutMs} ms`));
  }

  #begin(id: string, run: () => Promise<void>): Promise<void> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) throw new CallbackRefusal(503, 'too many callbacks are being handled');
    const handled = this.#handleOnce(id, run).finally(() => this.#inFlight.delete(id));
    this.#inFlight.set(id, handled);
    return handled;
  }

  async #handleOnce(id: string, run: () => Promise<void>): Promise<void> {
    const leaseMs = 2 * this.#settings.timeoutMs;
    const owner = randomUUID();
    const lease = new TimeLimit(leaseMs);
    try {
      const claim = await this.#take(id, leaseMs, owner);
      if (claim === 'done') return;
      if (claim !== 'taken') throw new CallbackRefusal(503, 'the callback is being handled by another process');
      await this.#run(id, owner, run, lease.signal);
    } finally {
      lease.clear();
    }
  }

  /** Takes the lease, and returns one that is granted too late. */
  async #take(id: string, leaseMs: number, owner: string): Promise<MimcCallbackClaim> {
    const { store, timeoutMs } = this.#settings;
    // Shorter than the time of the whole callback, so that the log names the store when it hangs.
    const limit = new TimeLimit(timeoutMs / 2);
    const taking = (async () => store.take(id, leaseMs, owner))();
    try {
      return await this.#ask('the store', taking, limit.signal);
    } catch (error) {
      const giveBack = (claim: MimcCallbackClaim) => claim === 'taken' && this.#release(id, owner);
      taking.then(giveBack, () => {});
      throw error;
    } finally {
      limit.clear();
    }
  }

  /** Runs the handlers. If they have not settled when the lease ends, they are abandoned, so that a repeat runs them again. */
  async #run(id: string, owner: string, run: () => Promise<void>, lease: AbortSignal): Promise<void> {
    const { store, rememberMs } = this.#settings;
    // A success after that still counts.
    const running = run().then(() => this.#tell('done', id, () => store.done(id, rememberMs)));
    try {
      await until(running, lease, () => new CallbackRefusal(503, 'handlers did not settle'));
    } catch (error) {
      if (lease.aborted) this.#logger.error(`Handlers of the callback ${id} did not settle; a repeat runs them again`);
      this.#release(id, owner);
      throw error instanceof CallbackFailed ? new CallbackRefusal(500, 'a handler failed') : error;
    }
  }

  /** Waits for foreign code, which may hang. Its errors are not shown, because they may contain a secret. */
  async #ask<T>(what: string, asked: Promise<T>, signal: AbortSignal): Promise<T> {
    const unable = (how: string) => new CallbackRefusal(503, 'the callback cannot be handled now', `${what} ${how}`);
    try {
      return await until(asked, signal, () => unable('did not answer in time'));
    } catch (error) {
      throw error instanceof CallbackRefusal ? error : unable(`failed (${errorName(error)})`);
    }
  }

  #release(id: string, owner: string): void {
    this.#tell('release', id, () => this.#settings.store.release(id, owner));
  }

  /** The outcome is known, whatever the store does. */
  #tell(what: 'done' | 'release', id: string, tell: () => void | Promise<void>): void {
    (async () => tell())().catch((error: unknown) =>
      this.#logger.error(`The store failed at ${what} of the callback ${id} (${errorName(error)})`),
    );
  }
}
