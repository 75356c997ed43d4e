import { HttpService } from '@nestjs/axios';
import axios, { AxiosRequestConfig } from 'axios';
import { Dispatcher, Pool } from 'undici';
import type { MimcEndpoint, MimcOutcome } from '../errors/mimc-error.js';
import type { Redactor } from '../errors/redact.js';
import { Exchange, ExchangeFault, ExchangeReply, MimcTimeoutOptions } from './exchange.js';
import { AttemptFailure, AttemptResult, readReply } from './reply.js';
import { ExchangeConfig, undiciAdapter } from './undici-adapter.js';

/** The documented paths: a slash after the single forms, none after `more` (mimc-api.md §1). */
const PATHS: Readonly<Record<MimcEndpoint, string>> = {
  p2p: '/api/push/p2p/',
  'p2p/more': '/api/push/p2p/more',
  p2t: '/api/push/p2t/',
  'p2t/more': '/api/push/p2t/more',
};

/**
 * An idle connection is closed after this, in milliseconds, or two seconds before the end that the server announces in
 * `Keep-Alive`. Below the 5 s after which Node.js servers, the strictest of the common ones, close theirs.
 */
const IDLE_MS = 4_000;

/** Why an attempt is ended from outside: the `reason` of the signal given to {@link MimcTransport.post}. */
export type StopReason = 'MIMC_ABORTED' | 'MIMC_DEADLINE' | 'MIMC_CLOSED';

const STOPPED_MESSAGES: Readonly<Record<StopReason, string>> = {
  MIMC_ABORTED: 'The call was aborted',
  MIMC_DEADLINE: 'The deadline of the call passed',
  MIMC_CLOSED: 'The application is shutting down',
};

/** What the transport needs to know of the module's settings. */
export interface TransportSettings {
  origin: string;
  basePath: string;
  timeouts: MimcTimeoutOptions;
  dispatcher?: Dispatcher;
}

/** Sends requests and judges how each ends. One for each module, with a pool and an HttpService of its own. */
export class MimcTransport {
  readonly #settings: TransportSettings;
  readonly #redact: Redactor;
  readonly #http: HttpService;
  readonly #ownPool: Pool | undefined;

  constructor(settings: TransportSettings, redact: Redactor) {
    this.#settings = settings;
    this.#redact = redact;
    const dispatcher = settings.dispatcher ?? newPool(settings);
    this.#ownPool = settings.dispatcher === undefined ? (dispatcher as Pool) : undefined;
    // A private axios, not HttpModule's process-wide one, whose interceptors would see our bodies.
    const adapter = undiciAdapter(dispatcher);
    this.#http = new HttpService(axios.create({ adapter, transformRequest: [], transformResponse: [] }));
  }

  /**
   * Makes one attempt. It never throws: what goes wrong is in the result, with whether the request may have arrived.
   *
   * @param signal ends the attempt; its reason is a {@link StopReason}
   */
  async post(endpoint: MimcEndpoint, body: string, signal: AbortSignal): Promise<AttemptResult> {
    const exchange = new Exchange(this.#settings.timeouts);
    const stop = () => exchange.stop();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    try {
      const reply = await this.#send(PATHS[endpoint], body, exchange);
      return readReply(reply, endpoint.endsWith('more') ? 'packetIds' : 'packetId', this.#redact);
    } catch (error) {
      return { ok: false, failure: this.#failureOf(error, exchange.dispatched, signal) };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Closes the connections, those in use too. A dispatcher that was given is its owner's to close. */
  async close(): Promise<void> {
    await this.#ownPool?.destroy();
  }

  async #send(path: string, body: string, exchange: Exchange): Promise<ExchangeReply> {
    const { origin, basePath } = this.#settings;
    const config: ExchangeConfig & AxiosRequestConfig = { baseURL: origin, url: basePath + path, data: body, exchange };
    const { status, headers, data } = await this.#http.axiosRef.request<ExchangeReply['body']>({
      ...config,
      method: 'post',
    });
    return { status, headers: headers as ExchangeReply['headers'], body: data };
  }

  #failureOf(error: unknown, dispatched: boolean, signal: AbortSignal): AttemptFailure {
    const outcome = dispatched ? 'unknown' : 'not-sent';
    const { kind, reason } = error instanceof ExchangeFault ? error : faultOf(error, dispatched);
    const because = reason === undefined ? '' : ` (${reason})`;
    switch (kind) {
      case 'connect':
        return { code: 'MIMC_CONNECT', outcome, message: `No connection to MIMC could be made${because}` };
      case 'timeout': {
        const { responseMs } = this.#settings.timeouts;
        return { code: 'MIMC_TIMEOUT', outcome, message: `MIMC did not reply within ${responseMs} ms` };
      }
      case 'reset':
        return { code: 'MIMC_RESET', outcome, message: `The connection broke before MIMC's reply ended${because}` };
      case 'malformed':
        return { code: 'MIMC_BAD_RESPONSE', outcome, message: `The reply is not HTTP${because}` };
      case 'stopped':
        return stopFailure(signal.reason as StopReason, outcome);
    }
  }
}

/** What a call that was stopped fails with. */
export function stopFailure(reason: StopReason, outcome: MimcOutcome): AttemptFailure {
  return { code: reason, outcome, message: STOPPED_MESSAGES[reason] };
}

/** An error that is none of ours: only its name goes on, as the rest may hold the request. */
function faultOf(error: unknown, dispatched: boolean): ExchangeFault {
  const name = error instanceof Error ? error.name : typeof error;
  return new ExchangeFault(dispatched ? 'reset' : 'connect', name);
}

function newPool({ origin, timeouts }: TransportSettings): Pool {
  return new Pool(origin, { connectTimeout: timeouts.connectMs, keepAliveTimeout: IDLE_MS });
}
