import { setImmediate } from 'node:timers';
import type { Dispatcher } from 'undici';
import { ReplyBytes, readText, ReplyHeaders, ReplyText, TOO_LONG } from './reply-body.js';
import { errorCode, ExchangeFault, ExchangeFaultKind, faultBeforeDispatch } from './exchange-fault.js';

/** Time limits of one request. */
export interface MimcTimeoutOptions {
  /** From the hand-over to undici until dispatch: a free connection or DNS, TCP and TLS; in milliseconds. Default 3,000. */
  connectMs: number;
  /** From dispatch to the last byte of the reply, in milliseconds. Default 10,000. */
  responseMs: number;
}

/** A reply, whatever its status. */
export type ExchangeReply = ReplyHead & ReplyText;

interface ReplyHead {
  status: number;
  headers: ReplyHeaders;
}

/**
 * A dispatcher of undici 7 or 8, of which the module needs one method. Not the type `Dispatcher` of undici, which differs
 * from one major version to the next.
 */
export interface MimcDispatcher {
  /** Sends a request and reports to the handler, in the form that undici has had since version 7. */
  dispatch(request: object, handler: object): unknown;
}

/** What is sent. */
export interface ExchangeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  /** Besides those that every request has. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** JSON; absent from a request without one. */
  body?: string | undefined;
}

/**
 * Exactly these go out, whatever the application put into the global axios defaults. Each request has its own copy: a
 * dispatcher may write into it, as undici's `ProxyAgent` does (`host`).
 */
const HEADERS = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'nestjs-mimc' };

const JSON_BODY = { 'content-type': 'application/json' };

interface Settlement {
  resolve(reply: ExchangeReply): void;
  reject(fault: ExchangeFault): void;
}

/**
 * Turns of the event loop in which a reply may still come in after a time limit was noticed, as long as each brings a part
 * of it: {@link MAX_REPLY_BYTES} in reads of 16 KiB, the least that a socket hands over while it has more.
 */
const MAX_TURNS = 256;

/**
 * One request on its way, and undici's handler for it.
 *
 * Dispatch is the moment undici calls `onRequestStart`, just before it writes (undici 7, `lib/dispatcher/client-h1.js`,
 * `writeH1`): what fails before cannot have left, what fails after may have arrived. An exchange that ends before
 * dispatch closes that door: `onRequestStart` throws from then on, or undici would still send the request once the
 * connection is up. It also throws when called again, as undici may do to repeat a request after its socket closed.
 *
 * A timer that fires late proves nothing: while the event loop was blocked or the process was frozen, the reply may have
 * arrived. So the loop first gets a turn to read what is in the socket already; only then is the time limit applied.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  #dispatched = false;
  readonly #request: ExchangeRequest;
  readonly #timeouts: MimcTimeoutOptions;
  #ended = false;
  #settlement: Settlement | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #head: ReplyHead | undefined;
  readonly #bytes = new ReplyBytes();

  constructor(request: ExchangeRequest, timeouts: MimcTimeoutOptions) {
    this.#request = request;
    this.#timeouts = timeouts;
  }

  /**
   * Sends the request; to be called once.
   *
   * @throws ExchangeFault
   */
  run(dispatcher: MimcDispatcher, origin: string): Promise<ExchangeReply> {
    const { method, path, body } = this.#request;
    const headers = { ...HEADERS, ...(body !== undefined && JSON_BODY), ...this.#request.headers };
    // Time limits are our own, by one timer from dispatch to the last byte.
    const request = { origin, path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 };
    return new Promise((resolve, reject) => {
      // axios hands over some microtasks after it was called: the exchange may have been stopped meanwhile.
      if (this.#ended) return reject(new ExchangeFault('stopped'));
      this.#settlement = { resolve, reject };
      try {
        const returned = dispatcher.dispatch(request, this);
        // An interceptor may be an async function, although undici expects none.
        if (typeof returned === 'object') {
          Promise.resolve(returned).catch((error: unknown) => this.onResponseError(undefined, error));
        }
      } catch (error) {
        this.onResponseError(undefined, error);
      }
      // On a connection at rest it was sent at once, and has the timer of the response.
      if (this.#ended || this.#timer !== undefined) return;
      this.#timer = setTimeout(() => this.#failUnlessRead('connect', 'connect time limit'), this.#timeouts.connectMs);
    });
  }

  /** Whether undici has begun to write the request: if so, it may have arrived. */
  get dispatched(): boolean {
    return this.#dispatched;
  }

  /**
   * Ends the exchange as `stopped`, wherever it is; harmless once it has ended. Before dispatch at once; after it, a reply
   * that is in the socket already counts, as what stops an exchange is often a time limit.
   */
  stop(): void {
    if (this.#dispatched) this.#failUnlessRead('stopped');
    else this.#fail('stopped');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) throw new Error('The request was given up before it was sent');
    if (this.#dispatched) throw new Error('The request was sent already');
    this.#dispatched = true;
    this.#controller = controller;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#failUnlessRead('timeout'), this.#timeouts.responseMs);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    // A dispatcher that forgot to say so has sent the request all the same.
    this.#dispatched = true;
    // 102 and 103 come before the answer (RFC 9110 §15.2).
    if (status >= 200) this.#head = { status, headers };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended || this.#bytes.add(chunk)) return;
    this.#complete(TOO_LONG);
    this.#abort();
  }

  onResponseEnd(): void {
    this.#dispatched = true;
    if (!this.#ended) this.#complete(readText(this.#bytes.all, this.#head?.headers ?? {}));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: unknown): void {
    if (!this.#dispatched) {
      const { kind, reason } = faultBeforeDispatch(error);
      return this.#fail(kind, reason);
    }
    const code = errorCode(error);
    this.#fail(isMalformed(code) ? 'malformed' : 'reset', code);
  }

  #complete(text: ReplyText): void {
    const head = this.#head;
    if (head === undefined) return this.#fail('malformed');
    this.#end()?.resolve({ ...head, ...text });
  }

  /**
   * Fails after the loop had a turn to read: what `setImmediate` runs comes after the poll phase, in which sockets are read.
   * A long reply needs several, so each turn that brought a part of it is followed by another one. A connection that came
   * up meanwhile starts the time limit of the response.
   */
  #failUnlessRead(kind: ExchangeFaultKind, reason?: string, turns = MAX_TURNS): void {
    const [timer, head, { length }] = [this.#timer, this.#head, this.#bytes];
    setImmediate(() => {
      if (this.#ended || this.#timer !== timer) return;
      const hasRead = this.#head !== head || this.#bytes.length !== length;
      if (hasRead && turns > 1) this.#failUnlessRead(kind, reason, turns - 1);
      else this.#fail(kind, reason);
    });
  }

  #fail(kind: ExchangeFaultKind, reason?: string): void {
    this.#end()?.reject(new ExchangeFault(kind, reason));
    this.#abort();
  }

  /** Takes the settlement, so that only the first end counts. */
  #end(): Settlement | undefined {
    const settlement = this.#settlement;
    this.#ended = true;
    this.#settlement = undefined;
    clearTimeout(this.#timer);
    this.#bytes.clear();
    return settlement;
  }

  /** Destroys the socket of a request in flight; the rest of its reply is not needed. */
  #abort(): void {
    try {
      this.#controller?.abort(new Error('The exchange has ended'));
    } catch {
      // The controller of a given dispatcher; the exchange has ended all the same.
    }
  }
}

/**
 * llhttp's errors, which undici gives a code or only its own name; headers longer than undici reads; and a length that is not
 * that of the body, or given twice, or combined with chunks.
 */
function isMalformed(code = ''): boolean {
  return /^HPE_|^HTTPParserError$|^UND_ERR_HEADERS_OVERFLOW$|^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/.test(code);
}
