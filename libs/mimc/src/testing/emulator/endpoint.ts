/** Which of the push endpoints, by its path after `/api/push/` (docs/mimc-api.md §1, §1.7). */
export type EmulatorPushEndpoint =
  'p2p' | 'p2p/more' | 'p2t' | 'p2t/more' | 'ucs/singleMsgPush' | 'ucs/multiMsgPush' | 'ucs/multiTopicPush';

/** Which operation on groups (docs/mimc-api.md §5) or unlimited groups (§6). */
export type EmulatorTopicEndpoint =
  | `topic/${'create' | 'get' | 'list' | 'invite' | 'kick' | 'quit' | 'update' | 'dissolve'}`
  | `uctopic/${'create' | 'update' | 'dissolve' | 'list' | 'members' | 'online'}`;

/** Which endpoint: that of a push, the one that issues tokens (docs/mimc-api.md §3), or an operation on groups. */
export type EmulatorEndpoint = EmulatorPushEndpoint | 'account/token' | EmulatorTopicEndpoint;

/** What the recipients of a push are, and so which quota they count against (docs/mimc-api.md §1.4). */
export type EmulatorAudience = 'accounts' | 'topics' | 'unlimitedTopics';

/** A request that no endpoint takes. */
export interface NoRoute {
  /** The methods that its path takes; none for an unknown path. */
  readonly allowed: readonly string[];
  /** The endpoint that takes the first of them. */
  readonly endpoint?: EmulatorEndpoint | undefined;
}

/** Where a request goes. */
export interface EmulatorRoute {
  readonly endpoint: EmulatorEndpoint;
  /** What stands in the path where an id is due, decoded. */
  readonly ids: Readonly<Partial<Record<'appId' | 'topicId', string>>>;
  readonly query: URLSearchParams;
}

const ROUTES: readonly (readonly [method: string, path: RegExp, EmulatorEndpoint])[] = [
  ['POST', /^\/api\/push\/p2p$/, 'p2p'],
  ['POST', /^\/api\/push\/p2p\/more$/, 'p2p/more'],
  ['POST', /^\/api\/push\/p2t$/, 'p2t'],
  ['POST', /^\/api\/push\/p2t\/more$/, 'p2t/more'],
  ['POST', /^\/api\/push\/ucs\/singleMsgPush$/, 'ucs/singleMsgPush'],
  ['POST', /^\/api\/push\/ucs\/multiMsgPush$/, 'ucs/multiMsgPush'],
  ['POST', /^\/api\/push\/ucs\/multiTopicPush$/, 'ucs/multiTopicPush'],
  ['POST', /^\/api\/account\/token$/, 'account/token'],
  ['POST', /^\/api\/topic\/(?<appId>[^/]+)$/, 'topic/create'],
  ['GET', /^\/api\/topic\/(?<appId>[^/]+)\/account$/, 'topic/list'],
  ['GET', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)$/, 'topic/get'],
  ['PUT', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)$/, 'topic/update'],
  ['DELETE', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)$/, 'topic/dissolve'],
  ['POST', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)\/accounts$/, 'topic/invite'],
  ['DELETE', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)\/accounts$/, 'topic/kick'],
  ['DELETE', /^\/api\/topic\/(?<appId>[^/]+)\/(?<topicId>\d+)\/account$/, 'topic/quit'],
  ['POST', /^\/api\/uctopic$/, 'uctopic/create'],
  ['DELETE', /^\/api\/uctopic$/, 'uctopic/dissolve'],
  ['POST', /^\/api\/uctopic\/update$/, 'uctopic/update'],
  ['GET', /^\/api\/uctopic\/topics$/, 'uctopic/list'],
  ['GET', /^\/api\/uctopic\/userlist$/, 'uctopic/members'],
  ['GET', /^\/api\/uctopic\/onlineinfo$/, 'uctopic/online'],
];

/**
 * The route of a request. A slash at the end may be there or
 * not, and slashes may be doubled: both are seen in the wild (docs/mimc-api.md §10 row 26).
 */
export function routeOf(method: string, url: string): EmulatorRoute | NoRoute {
  const [given = '', query = ''] = url.split('?', 2);
  const path = given.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
  const there = ROUTES.flatMap(([allowed, pattern, endpoint]) => {
    const match = pattern.exec(path);
    return match === null ? [] : [{ allowed, endpoint, groups: match.groups ?? {} }];
  });
  const route = there.find(({ allowed }) => allowed === method);
  if (route === undefined) return { allowed: there.map(({ allowed }) => allowed), endpoint: there[0]?.endpoint };
  const ids = Object.fromEntries(Object.entries(route.groups).map(([name, text]) => [name, decoded(text)]));
  return { endpoint: route.endpoint, ids, query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether the endpoint takes messages. */
export function isPush(endpoint: EmulatorEndpoint): endpoint is EmulatorPushEndpoint {
  return /^(?:p2p|p2t|ucs)/.test(endpoint);
}

/** Whether a push to the endpoint is answered with a list of ids. */
export function isBatch(endpoint: EmulatorPushEndpoint): boolean {
  return endpoint.endsWith('/more') || endpoint.startsWith('ucs/multi');
}

/** Whether the endpoint pushes to accounts, to topics or to unlimited ones. */
export function audienceOf(endpoint: EmulatorPushEndpoint): EmulatorAudience {
  if (endpoint.startsWith('ucs')) return 'unlimitedTopics';
  return endpoint.startsWith('p2p') ? 'accounts' : 'topics';
}

const INT64_MAX = 9_223_372_036_854_775_807n;
const POSITIVE_DECIMAL = /^[1-9]\d{0,18}$/;

/**
 * The exact decimal text of a topic id given as text, bigint or safe integer; undefined when it is not a positive 64-bit
 * integer, or a number whose digits JavaScript may have changed already (docs/mimc-api.md §8).
 */
export function topicIdText(id: unknown): string | undefined {
  if (typeof id === 'number' && !Number.isSafeInteger(id)) return undefined;
  if (typeof id !== 'string' && typeof id !== 'bigint' && typeof id !== 'number') return undefined;
  const text = String(id);
  return POSITIVE_DECIMAL.test(text) && (text.length < 19 || BigInt(text) <= INT64_MAX) ? text : undefined;
}
