import { HttpService } from '@nestjs/axios';
import axios, { AxiosAdapter, AxiosInstance } from 'axios';
import type { Dispatcher } from 'undici';
import type { MimcEndpoint, MimcOutcome } from '../errors/mimc-error.js';
import type { Redactor } from '../errors/redact.js';
import { errorName } from '../errors/visible.js';
import type { MimcLane } from '../pacing/rate-limiter.js';
import { ConnectionSlots } from './connection-slots.js';
import { ENDPOINTS } from './endpoints.js';
import { ExchangeFault } from './exchange-fault.js';
import { Exchange, ExchangeReply, type ExchangeRequest, MimcDispatcher } from './exchange.js';
import { isHeaderText } from './header-text.js';
import { newOwnDispatcher, OwnDispatcherSettings } from './own-dispatcher.js';
import { AttemptFailure, AttemptResult, ReplyReader } from './reply.js';

/** Why an attempt is ended from outside. */
export type StopReason = 'MIMC_ABORTED' | 'MIMC_DEADLINE' | 'MIMC_CLOSED';

const STOPPED_MESSAGES: Readonly<Record<StopReason, string>> = {
  MIMC_ABORTED: 'The call was aborted',
  MIMC_DEADLINE: 'The deadline of the call passed',
  MIMC_CLOSED: 'The application is shutting down',
};

/** Only credentials can fail so: everything else in a header is encoded to fit. */
const HEADERS_UNFIT: AttemptFailure = {
  code: 'MIMC_CONFIG',
  outcome: 'not-sent',
  message: 'appId, appKey and appSecret must be printable ASCII for calls about groups, which send them as headers',
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

/** A request that has the credentials in its headers. */
export interface HeadedRequest {
  /** Under the base URL. */
  path: string;
  /** Besides the credentials and those that every request has. */
  headers: Readonly<Record<string, string>>;
  /** JSON; absent from a request without one. */
  body?: string;
}

/** The credentials that a request is sent with. */
export interface RequestCredentials {
  /** The first three fields of a body, up to where the next one follows. */
  bodyHead(): string;
  /** The headers of a request that has them there. */
  headers(): Readonly<Record<string, string>>;
}

/** What an attempt sends: `fields` or `headed`. */
export interface AttemptRequest<T> {
  endpoint: MimcEndpoint;
  /** Of a request with the credentials in its body, that body from where they end: a comma, the fields, the closing brace. */
  fields?: string;
  headed?: HeadedRequest;
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
   * Makes one attempt, by the method of its endpoint. It never throws: what goes wrong is in the result, with whether the
   * request may have arrived.
   *
   * @param scope can end the attempt
   */
  async send<T>(
    request: AttemptRequest<T>,
    credentials: RequestCredentials,
    scope: AttemptScope,
  ): Promise<AttemptResult<T>> {
    if (this.#slots === undefined) return this.#exchange(request, credentials, scope);
    try {
      if (!this.#slots.tryTake()) await this.#slots.take(request.lane, scope);
    } catch (error) {
      return { ok: false, failure: this.#failureOf(error, false, scope) };
    }
    // A call that was stopped since the slot became free ends there: `scope.begin` stops its exchange.
    try {
      const result = await this.#exchange(request, credentials, scope);
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

  async #exchange<T>(
    request: AttemptRequest<T>,
    credentials: RequestCredentials,
    scope: AttemptScope,
  ): Promise<AttemptResult<T>> {
    const written = this.#written(request, credentials);
    if (request.headed !== undefined && !fitHeaders(written)) return { ok: false, failure: HEADERS_UNFIT };
    const exchange = new Exchange(written, this.#settings.timeouts);
    scope.begin(exchange);
    try {
      const { data: reply } = await this.#http.axiosRef.request<ExchangeReply>({ data: exchange });
      return request.read(reply, this.#redact);
    } catch (error) {
      return { ok: false, failure: this.#failureOf(error, exchange.dispatched, scope) };
    } finally {
      scope.done();
    }
  }

  #written<T>({ endpoint, fields, headed }: AttemptRequest<T>, credentials: RequestCredentials): ExchangeRequest {
    const { basePath } = this.#settings;
    const { method, path } = ENDPOINTS[endpoint];
    if (headed === undefined) return { method, path: basePath + path, body: credentials.bodyHead() + fields };
    const headers = { ...credentials.headers(), ...headed.headers };
    return { method, path: basePath + headed.path, headers, body: headed.body };
  }

  #failureOf(error: unknown, dispatched: boolean, { stopped }: AttemptScope): AttemptFailure {
    const outcome = dispatched ? 'unknown' : 'not-sent';
    const { kind, reason } = error instanceof ExchangeFault ? error : faultOf(error, dispatched);
    const because = reason === undefined ? '' : ` (${reason})`;
    switch (kind) {
      case 'connect':
        return { code: 'MIMC_CONNECT', outcome, message: `Could not connect to MIMC${because}` };
      case 'config':
        return { code: 'MIMC_CONFIG', outcome, message: reason ?? 'The dispatcher cannot be used' };
      case 'timeout': {
        const { responseMs } = this.#settings.timeouts;
        return { code: 'MIMC_TIMEOUT', outcome, message: `MIMC did not reply within ${responseMs} ms` };
      }
      case 'reset':
        return {
          code: 'MIMC_RESET',
          outcome,
          message: `The connection was lost before MIMC's reply was complete${because}`,
        };
      case 'malformed':
        return { code: 'MIMC_BAD_RESPONSE', outcome, message: `The reply is not valid HTTP${because}` };
      case 'stopped':
        return stopFailure(stopped ?? 'MIMC_ABORTED', outcome);
    }
  }
}

function fitHeaders({ headers = {} }: ExchangeRequest): boolean {
  return Object.values(headers).every(isHeaderText);
}

/** What a call that was stopped fails with. */
export function stopFailure(reason: StopReason, outcome: MimcOutcome): AttemptFailure {
  return { code: reason, outcome, message: STOPPED_MESSAGES[reason] };
}

/** A foreign error: only its name is kept, as the rest may hold the request. */
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
 * An axios adapter that sends through an undici dispatcher: it follows no redirect, retries nothing, and rejects with an
 * `ExchangeFault` instead of an AxiosError, which would hold the request with our credentials.
 *
 * The `data` of a request is its whole {@link Exchange}, which knows what axios does not, whether it was dispatched; that
 * of a response is the whole `ExchangeReply`, with the headers as undici read them. axios merges and copies every other
 * field of a request and makes four copies of headers, which would cost more than the rest of a call.
 */
export function undiciAdapter(dispatcher: MimcDispatcher, origin: string): AxiosAdapter {
  return async (config) => {
    const exchange: unknown = config.data;
    if (!(exchange instanceof Exchange)) throw new TypeError('Expected request data to be an Exchange');
    const reply = await exchange.run(dispatcher, origin);
    return { data: reply, status: reply.status, statusText: '', headers: {}, config };
  };
}
