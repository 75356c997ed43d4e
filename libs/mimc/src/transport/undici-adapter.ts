import type { AxiosAdapter, InternalAxiosRequestConfig } from 'axios';
import type { Dispatcher } from 'undici';
import type { Exchange } from './exchange.js';

/** An axios request that carries its {@link Exchange}, which knows what axios does not: whether it was dispatched. */
export interface ExchangeConfig {
  baseURL: string;
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

/**
 * An axios adapter that posts through an undici dispatcher: it follows no redirect, retries nothing, and rejects with an
 * `ExchangeFault` instead of an AxiosError, which would hold the request with our credentials.
 */
export function undiciAdapter(dispatcher: Dispatcher): AxiosAdapter {
  return async (config: InternalAxiosRequestConfig & Partial<ExchangeConfig>) => {
    const { baseURL: origin = '', url: path = '', exchange } = config;
    if (exchange === undefined) throw new TypeError('The request carries no exchange');
    const reply = await exchange.run(dispatcher, {
      origin,
      path,
      method: 'POST',
      headers,
      body: config.data as string,
    });
    return { data: reply.body, status: reply.status, statusText: '', headers: { ...reply.headers }, config };
  };
}
