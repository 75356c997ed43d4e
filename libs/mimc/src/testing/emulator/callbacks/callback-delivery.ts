import { type ClientRequest, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { CallbackBody, EmulatorCallbackType } from './callback-body.js';
import type { CallbackSettings } from './callback-options.js';

/** One request that carried a callback. */
export interface EmulatedCallbackAttempt {
  /** When it was begun, in milliseconds on the clock of `performance.now()`. */
  readonly at: number;
  /** HTTP status of the answer; absent when there was none. */
  readonly status?: number;
  /** Why there was none: the system's code, or `timeout`. */
  readonly error?: string;
}

/** A callback that the emulator sent, and what came of it so far. */
export interface EmulatedCallback {
  readonly msgType: EmulatorCallbackType;
  /** Exact decimal text; the same in the instant and the OFFLINE callback of a message. */
  readonly sequence: string;
  /** Where it goes. */
  readonly url: string;
  /** The body, the same each time. */
  readonly body: string;
  /** The requests that have ended, the repeats too. */
  readonly attempts: readonly EmulatedCallbackAttempt[];
  /** `delivered` was answered 200; `failed` was not, up to the last repeat; `dropped` by `clear` or `close`. */
  readonly state: 'pending' | 'delivered' | 'failed' | 'dropped';
}

/** Sends one callback until it is answered 200 or has no repeat left (docs/mimc-api.md §4.1). */
export class CallbackDelivery implements EmulatedCallback {
  readonly msgType: EmulatorCallbackType;
  readonly sequence: string;
  readonly body: string;
  readonly attempts: EmulatedCallbackAttempt[] = [];
  state: EmulatedCallback['state'] = 'pending';
  /** Resolves when it is pending no more, and its connection is gone. */
  readonly settled: Promise<void>;
  #settle: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #request: ClientRequest | undefined;
  readonly #settings: CallbackSettings;

  constructor(
    { msgType, sequence, text }: CallbackBody,
    readonly url: string,
    settings: CallbackSettings,
  ) {
    this.msgType = msgType;
    this.sequence = sequence;
    this.body = text;
    this.#settings = settings;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
    this.#send();
  }

  /** Ends it, whatever it is at. */
  drop(): void {
    if (this.state !== 'pending') return;
    this.#end('dropped');
  }

  #send(): void {
    const at = performance.now();
    const headers = {
      'content-type': 'application/json;charset=UTF-8',
      'content-length': Buffer.byteLength(this.body),
    };
    const sending = request(this.url, { method: 'POST', headers, agent: false });
    this.#request = sending;
    this.#timer = setTimeout(
      () => sending.destroy(Object.assign(new Error(), { code: 'timeout' })),
      this.#settings.timeoutMs,
    );
    let status: number | undefined;
    let error: string | undefined;
    sending.on('response', (answer) => {
      status = answer.statusCode;
      answer.on('error', () => {}).resume();
    });
    sending.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? cause.message));
    sending.once('close', () => {
      clearTimeout(this.#timer);
      this.#request = undefined;
      this.attempts.push({ at, ...(status === undefined ? { error: error ?? 'closed' } : { status }) });
      this.#next(status);
    });
    sending.end(this.body);
  }

  #next(status: number | undefined): void {
    if (this.state !== 'pending') return this.#settle();
    if (status === 200) return this.#end('delivered');
    const waitMs = this.#settings.repeatAfterMs[this.attempts.length - 1];
    if (waitMs === undefined) this.#end('failed');
    else this.#timer = setTimeout(() => this.#send(), waitMs);
  }

  #end(state: EmulatedCallback['state']): void {
    this.state = state;
    clearTimeout(this.#timer);
    if (this.#request) this.#request.destroy();
    else this.#settle();
  }
}
