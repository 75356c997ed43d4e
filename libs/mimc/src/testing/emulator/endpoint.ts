/** Which of the four push endpoints, by its path after `/api/push/` (mimc-api.md §1). */
export type EmulatorPushEndpoint = 'p2p' | 'p2p/more' | 'p2t' | 'p2t/more';

/** Which endpoint: that of a push, or the one that issues tokens, by its path after `/api/` (mimc-api.md §3). */
export type EmulatorEndpoint = EmulatorPushEndpoint | 'account/token';

/** What an endpoint's recipients are, and so which quota they count against (mimc-api.md §1.4). */
export type EmulatorAudience = 'accounts' | 'topics';

const ENDPOINTS: ReadonlyMap<string, EmulatorEndpoint> = new Map([
  ['/api/push/p2p', 'p2p'],
  ['/api/push/p2p/more', 'p2p/more'],
  ['/api/push/p2t', 'p2t'],
  ['/api/push/p2t/more', 'p2t/more'],
  ['/api/account/token', 'account/token'],
]);

/**
 * The endpoint that a request's URL names. A slash at the end may be there or not, and slashes may be doubled:
 * both are seen in the wild (mimc-api.md §10 row 26). A query is ignored.
 */
export function endpointOf(url: string): EmulatorEndpoint | undefined {
  const [path = ''] = url.split('?', 1);
  return ENDPOINTS.get(path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, ''));
}

/** Whether the endpoint pushes to accounts or to topics. */
export function audienceOf(endpoint: EmulatorPushEndpoint): EmulatorAudience {
  return endpoint.startsWith('p2p') ? 'accounts' : 'topics';
}

const INT64_MAX = 9_223_372_036_854_775_807n;
const POSITIVE_DECIMAL = /^[1-9]\d{0,18}$/;

/**
 * The exact decimal text of a topic id given as text, bigint or safe integer; undefined when it is no positive 64-bit
 * integer, or a number whose digits JavaScript may have changed already (mimc-api.md §8).
 */
export function topicIdText(id: unknown): string | undefined {
  if (typeof id === 'number' && !Number.isSafeInteger(id)) return undefined;
  if (typeof id !== 'string' && typeof id !== 'bigint' && typeof id !== 'number') return undefined;
  const text = String(id);
  return POSITIVE_DECIMAL.test(text) && (text.length < 19 || BigInt(text) <= INT64_MAX) ? text : undefined;
}
