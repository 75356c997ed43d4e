import type { AxiosAdapter, AxiosRequestConfig, InternalAxiosRequestConfig } from 'axios';
import type { Dispatcher } from 'undici';
import type { Exchange } from './exchange.js';

/** An axios request that carries its {@link Exchange}, which knows what axios does not: whether it was dispatched. */
export interface ExchangeConfig extends AxiosRequestConfig<string> {
  url: string;
  data: string;
  exchange: Exchange;
}

/**
 * Exactly these go out, whatever the application put into the global axios defaults. `identity`, because nothing here
 * decompresses.
 */
const headers = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'content-type': 'application/json',
  'user-agent': 'nestjs-mimc',
};

/** Time limits are the exchange's own, by one timer from dispatch to the last byte. */
const untimed = { headersTimeout: 0, bodyTimeout: 0 };

/**
 * An axios adapter that posts through an undici dispatcher: it follows no redirect, retries nothing, and rejects with an
 * `ExchangeFault` instead of an AxiosError, which would hold the request with our credentials. The response's `data` is
 * the whole `ExchangeReply`: its headers stay as undici read them, of which axios would make four copies.
 */
export function undiciAdapter(dispatcher: Dispatcher, origin: string): AxiosAdapter {
  return async (config: InternalAxiosRequestConfig & Partial<ExchangeConfig>) => {
    const { url: path = '', data: body, exchange } = config;
    if (exchange === undefined) throw new TypeError('The request carries no exchange');
    const reply = await exchange.run(dispatcher, { origin, path, method: 'POST', headers, body, ...untimed });
    return { data: reply, status: reply.status, statusText: '', headers: {}, config };
  };
}
