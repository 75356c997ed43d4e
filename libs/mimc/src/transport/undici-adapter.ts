import type { AxiosAdapter } from 'axios';
import { Exchange, MimcDispatcher } from './exchange.js';

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
    if (!(exchange instanceof Exchange)) throw new TypeError('The data of the request is no exchange');
    const reply = await exchange.run(dispatcher, origin);
    return { data: reply, status: reply.status, statusText: '', headers: {}, config };
  };
}
