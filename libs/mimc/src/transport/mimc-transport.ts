import { HttpService } from '@nestjs/axios';
import axios, { AxiosAdapter, AxiosInstance } from 'axios';
import type { Dispatcher } from 'undici';
import type { MimcEndpoint, MimcOutcome } from '../errors/mimc-error.js';
import type { Redactor } from '../errors/redact.js';
import { errorName } from '../errors/visible.js';
import type { MimcLane } from '../pacing/rate-limiter.js';
import type { AppCredentials } from './app-credentials.js';
import { ConnectionSlots } from './connection-slots.js';
import { ExchangeFault } from './exchange-fault.js';
import { Exchange, ExchangeReply, MimcDispatcher } from './exchange.js';
import { newOwnDispatcher, OwnDispatcherSettings } from './own-dispatcher.js';
import { AttemptFailure, AttemptResult, ReplyReader } from './reply.js';

/** The documented paths: a slash after the single forms, none after `more` (mimc-api.md §1, §3). */
const PATHS: Readonly<Record<MimcEndpoint, string>> = {
  p2p: '/api/push/p2p/',
  'p2p/more': '/api/push/p2p/more',
  p2t: '/api/push/p2t/',
  'p2t/more': '/api/push/p2t/more',
  'account/token': '/api/account/token',
};

/** Why an attempt is ended from outside. */
export type StopReason = 'MIMC_ABORTED' | 'MIMC_DEADLINE' | 'MIMC_CLOSED';

const STOPPED_MESSAGES: Readonly<Record<StopReason, string>> = {
  MIMC_ABORTED: 'The call was aborted',
  MIMC_DEADLINE: 'The deadline of the call passed',
  MIMC_CLOSED: 'The application is shutting down',
};

/** What the transport needs to know of the module's settings. */
export interface TransportSettings extends OwnDispatcherSettings {
  basePath: string;
  dispatcher?: MimcDispatcher | undefined;
}

/** What can be ended from outside. */
export interface Stoppable {
  stop(): void;
}

/** What ends an attempt from outside. */
export interface AttemptScope {
  readonly stopped: StopReason | undefined;
  /** The attempt is in flight: `exchange` is stopped when the scope is stopped, at once if it was before. */
  begin(exchange: Stoppable): void;
  /** The same for a wait: the attempt is not in flight yet. */
  wait(turn: Stoppable): void;
  /** The exchange or the wait has ended. */
  done(): void;
}

/** What an attempt sends. */
export interface AttemptRequest<T> {
  endpoint: MimcEndpoint;
  /** The body from where the credentials end: a comma, the fields, the closing brace. */
  fields: string;
  /** In which it waits for a connection. */
  lane: MimcLane;
  /** Judges the reply. */
  read: ReplyReader<T>;
}

/** Sends requests and judges how each ends. One for each module, with a pool and an HttpService of its own. */
export class MimcTransport {
  readonly #settings: TransportSettings;
  readonly #redact: Redactor;
  readonly #http: HttpService;
  readonly #own: Dispatcher | undefined;
  /** Of the own pool; those of a dispatcher that was given are its owner's to bound. */
  readonly #slots: ConnectionSlots | undefined;

  constructor(settings: TransportSettings, redact: Redactor) {
    this.#settings = settings;
    this.#redact = redact;
    const { dispatcher, origin, maxConnections, timeouts } = settings;
    if (dispatcher !== undefined) {
      this.#http = newHttpService(dispatcher, origin);
      return;
    }
    this.#own = newOwnDispatcher(settings);
    this.#slots = new ConnectionSlots(maxConnections, timeouts.connectMs);
    this.#http = newHttpService(this.#own, origin);
  }

  /**
   * Makes one attempt. It never throws: what goes wrong is in the result, with whether the request may have arrived.
   *
   * @param scope can end the attempt
   */
  async post<T>(
    request: AttemptRequest<T>,
    credentials: AppCredentials,
    scope: AttemptScope,
  ): Promise<AttemptResult<T>> {
    if (this.#slots === undefined) return this.#send(request, credentials, scope);
    try {
      if (!this.#slots.tryTake()) await this.#slots.take(request.lane, scope);
    } catch (error) {
      return { ok: false, failure: this.#failureOf(error, false, scope) };
    }
    // A call that was stopped since the slot became free ends there: `scope.begin` stops its exchange.
    try {
      const result = await this.#send(request, credentials, scope);
      if (result.ok || result.failure.outcome !== 'not-sent') this.#slots.moved();
      return result;
    } finally {
      this.#slots.release();
    }
  }

  /** Closes the connections, those in use too. A dispatcher that was given is its owner's to close. */
  async close(): Promise<void> {
    await this.#own?.destroy();
  }

  async #send<T>(
    { endpoint, fields, read }: AttemptRequest<T>,
    credentials: AppCredentials,
    scope: AttemptScope,
  ): Promise<AttemptResult<T>> {
    const { basePath, timeouts } = this.#settings;
    const body = credentials.bodyHead() + fields;
    const exchange = new Exchange(basePath + PATHS[endpoint], body, timeouts);
    scope.begin(exchange);
    try {
      const { data: reply } = await this.#http.axiosRef.request<ExchangeReply>({ data: exchange });
      return read(reply, this.#redact);
    } catch (error) {
      return { ok: false, failure: this.#failureOf(error, exchange.dispatched, scope) };
    } finally {
      scope.done();
    }
  }

  #failureOf(error: unknown, dispatched: boolean, { stopped }: AttemptScope): AttemptFailure {
    const outcome = dispatched ? 'unknown' : 'not-sent';
    const { kind, reason } = error instanceof ExchangeFault ? error : faultOf(error, dispatched);
    const because = reason === undefined ? '' : ` (${reason})`;
    switch (kind) {
      case 'connect':
        return { code: 'MIMC_CONNECT', outcome, message: `No connection to MIMC could be made${because}` };
      case 'config':
        return { code: 'MIMC_CONFIG', outcome, message: reason ?? 'The dispatcher cannot be used' };
      case 'timeout': {
        const { responseMs } = this.#settings.timeouts;
        return { code: 'MIMC_TIMEOUT', outcome, message: `MIMC did not reply within ${responseMs} ms` };
      }
      case 'reset':
        return { code: 'MIMC_RESET', outcome, message: `The connection broke before MIMC's reply ended${because}` };
      case 'malformed':
        return { code: 'MIMC_BAD_RESPONSE', outcome, message: `The reply is not valid HTTP${because}` };
      case 'stopped':
        return stopFailure(stopped ?? 'MIMC_ABORTED', outcome);
    }
  }
}

/** What a call that was stopped fails with. */
export function stopFailure(reason: StopReason, outcome: MimcOutcome): AttemptFailure {
  return { code: reason, outcome, message: STOPPED_MESSAGES[reason] };
}

/** An error that is none of ours: only its name goes on, as the rest may hold the request. */
function faultOf(error: unknown, dispatched: boolean): ExchangeFault {
  return new ExchangeFault(dispatched ? 'reset' : 'connect', errorName(error));
}

/**
 * On an axios of its own, not HttpModule's process-wide one, whose interceptors would see our bodies; and on one that has
 * no defaults but these, as axios merges all it has into every request.
 */
function newHttpService(dispatcher: MimcDispatcher, origin: string): HttpService {
  const instance = new axios.Axios({ adapter: undiciAdapter(dispatcher, origin), method: 'post' });
  return new HttpService(instance as AxiosInstance);
}

/**
 * An axios adapter that posts through an undici dispatcher: it follows no redirect, retries nothing, and rejects with an
 * `ExchangeFault` instead of an AxiosError, which would hold the request with our credentials.
 *
 * The `data` of a request is its whole {@link Exchange}, which knows what axios does not, whether it was dispatched; that
 * of a response is the whole `ExchangeReply`, with the headers as undici read them. axios merges and copies every other
 * field of a request and makes four copies of headers, which would cost more than the rest of a call.
 */
export function undiciAdapter(dispatcher: MimcDispatcher, origin: string): AxiosAdapter {
  return async (config) => {
    const exchange: unknown = config.data;
    if (!(exchange instanceof Exchange)) throw new TypeError('The data of the request is not an Exchange');
    const reply = await exchange.run(dispatcher, origin);
    return { data: reply, status: reply.status, statusText: '', headers: {}, config };
  };
}
