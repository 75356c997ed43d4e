import type { MimcEndpoint, MimcPushEndpoint } from '../errors/mimc-error.js';

/** How requests of an endpoint begin. */
export interface EndpointRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under the base URL; what stands in braces is filled in. */
  readonly path: string;
}

const get = (path: string): EndpointRoute => ({ method: 'GET', path });
const post = (path: string): EndpointRoute => ({ method: 'POST', path });
const remove = (path: string): EndpointRoute => ({ method: 'DELETE', path });

const GROUP = '/api/topic/{appId}/{topicId}';

/** As documented or seen: a slash at the end of some, none at that of others (docs/mimc-api.md §1, §1.7, §3, §5, §6). */
export const ENDPOINTS: Readonly<Record<MimcEndpoint, EndpointRoute>> = {
  p2p: post('/api/push/p2p/'),
  'p2p/more': post('/api/push/p2p/more'),
  p2t: post('/api/push/p2t/'),
  'p2t/more': post('/api/push/p2t/more'),
  'ucs/singleMsgPush': post('/api/push/ucs/singleMsgPush/'),
  'ucs/multiMsgPush': post('/api/push/ucs/multiMsgPush/'),
  'ucs/multiTopicPush': post('/api/push/ucs/multiTopicPush/'),
  'account/token': post('/api/account/token'),
  'topic/create': post('/api/topic/{appId}'),
  'topic/get': get(GROUP),
  'topic/list': get('/api/topic/{appId}/account'),
  'topic/invite': post(`${GROUP}/accounts`),
  'topic/kick': remove(`${GROUP}/accounts`),
  'topic/quit': remove(`${GROUP}/account`),
  'topic/update': { method: 'PUT', path: GROUP },
  'topic/dissolve': remove(GROUP),
  'uctopic/create': post('/api/uctopic'),
  'uctopic/update': post('/api/uctopic/update'),
  'uctopic/dissolve': remove('/api/uctopic'),
  'uctopic/list': get('/api/uctopic/topics'),
  'uctopic/members': get('/api/uctopic/userlist'),
  'uctopic/online': get('/api/uctopic/onlineinfo'),
};

/** Whether an endpoint takes messages. */
export function isPush(endpoint: MimcEndpoint): endpoint is MimcPushEndpoint {
  return ENDPOINTS[endpoint].path.startsWith('/api/push/');
}

/** Whether a push has a list of recipients or messages, and its answer one id for each. */
export function isBatch(endpoint: MimcEndpoint): boolean {
  return endpoint.endsWith('/more') || endpoint.startsWith('ucs/multi');
}

/** Whether a request of it changes nothing, so that repeating one is safe (RFC 9110 §9.2.1). */
export function isRead(endpoint: MimcEndpoint): boolean {
  return ENDPOINTS[endpoint].method === 'GET';
}

/** The path of a request, with these values encoded into it. */
export function pathOf(endpoint: MimcEndpoint, values: Readonly<Record<string, string>>): string {
  return ENDPOINTS[endpoint].path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
}
