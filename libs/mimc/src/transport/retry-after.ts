/** The longest wait that a server is believed, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads a `Retry-After` header (RFC 9110 §10.2.3), seconds or an HTTP date, as milliseconds from now, at most
 * {@link MAX_RETRY_AFTER_MS}. A date counts from the reply's own `Date` header if there is one, so that our clocks need
 * not agree. Undefined when there is none or it is neither form.
 */
export function retryAfterMs(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const value = single(headers['retry-after'])?.trim();
  if (value === undefined || value === '') return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : httpDate(value) - replyTime(headers['date']);
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function replyTime(date: string | string[] | undefined): number {
  const sent = httpDate(single(date) ?? '');
  return Number.isNaN(sent) ? Date.now() : sent;
}

/** All three forms of RFC 9110 §5.6.7 begin with the name of a day; `Date.parse` alone would take much else. */
function httpDate(value: string): number {
  return /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
