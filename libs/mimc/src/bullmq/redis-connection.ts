import { once } from 'node:events';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { errorName, isRecord, mustBe, within } from '../internals.js';
import { ioredis } from './loaded-peers.js';

/**
 * Where Redis is: a URL (`rediss://` for TLS), options of ioredis (`tls`, `username`, `sentinels` among them), or an ioredis
 * `Redis` or `Cluster` of the application, which stays open when everything else is closed. Never with a `keyPrefix`.
 */
export type MimcRedisConnection = string | RedisOptions | Redis | Cluster;

/** How a connection is used. */
export interface RedisUse {
  /**
   * What becomes of commands while Redis cannot be reached. With `fail` they are rejected as soon as the connection is lost
   * and never sent a second time: for whatever somebody waits for. With `wait` they wait for Redis, as BullMQ demands of a
   * worker's connection. A client of the application does as the application set it up, except that `wait` takes a
   * duplicate of one that limits `maxRetriesPerRequest`.
   */
  readonly whenAway: 'fail' | 'wait';
  /** How long a command may take on a connection of ours, in milliseconds. Default: no limit. */
  readonly answerMs?: number;
}

/** A connection in use. */
export interface OpenRedis {
  readonly client: Redis | Cluster;
  /** Why Redis cannot be reached, as far as an own connection knows: a code such as `ECONNREFUSED`, never an argument. */
  readonly trouble: string | undefined;
  /**
   * Ends the connection after at most `withinMs`, whether or not Redis answers, and rejects the commands that still wait for
   * it. A client of the application stays open. Harmless when repeated.
   */
  close(withinMs: number): Promise<void>;
}

/** Defaults of an own connection; the application's options go before them. */
const OWN: RedisOptions = {
  lazyConnect: true,
  connectTimeout: 2_000,
  disconnectTimeout: 200,
  retryStrategy: (times) => Math.min(25 * 2 ** times, 1_000),
  // It would need the right to run INFO; a Redis that is still loading says so in its answers.
  enableReadyCheck: false,
};

/** What no option changes on an own connection. After a failover, a server that turned into a replica is left. */
const ALWAYS: RedisOptions = {
  enableOfflineQueue: true,
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

const POLICY: Readonly<Record<RedisUse['whenAway'], RedisOptions>> = {
  fail: { ...ALWAYS, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false },
  wait: { ...ALWAYS, maxRetriesPerRequest: null },
};

/**
 * The one way in which queue and limiter come to a connection. Own connections are made with the first command, follow
 * Sentinel, and reconnect when their server became a replica (READONLY). Nothing is sent that a managed Redis forbids, such
 * as CONFIG or INFO.
 *
 * @example
 * const redis = openRedis('rediss://user:password@redis.example:6380', { whenAway: 'fail' });
 * await redis.client.ping();
 * await redis.close(1_000);
 */
export function openRedis(connection: MimcRedisConnection, { whenAway, answerMs }: RedisUse): OpenRedis {
  const fixed: RedisOptions = { ...POLICY[whenAway], ...(answerMs === undefined ? {} : { commandTimeout: answerMs }) };
  if (isClient(connection)) {
    const suits = whenAway === 'fail' || redisOptionsOf(connection).maxRetriesPerRequest === null;
    return suits ? givenClient(connection) : new OwnRedis(duplicateOf(connection, fixed));
  }
  const isUrl = typeof connection === 'string';
  const client = isUrl
    ? new ioredis.Redis(connection, { ...OWN, ...fixed })
    : new ioredis.Redis({ ...OWN, ...connection, ...fixed });
  // Once more, as the query of a URL goes before the options given with it.
  Object.assign(client.options, fixed);
  return new OwnRedis(client);
}

/** The rule of an option `connection`. */
export const IsRedisConnection = () =>
  mustBe({
    name: 'isRedisConnection',
    test: (value) => (typeof value === 'string' ? value !== '' : isRecord(value) && !hasKeyPrefix(value)),
    must: 'must be a URL, options of ioredis, or a Redis or Cluster of ioredis, without keyPrefix (use prefix)',
  });

/** What of an error of Redis or its client may be shown: a code or a name, as the rest may hold arguments. */
export function redisReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,}\b/.exec(error.message)?.[0] ?? errorName(error);
}

class OwnRedis implements OpenRedis {
  trouble: string | undefined;
  #closed: Promise<void> | undefined;

  constructor(readonly client: Redis | Cluster) {
    client.on('error', (error: unknown) => (this.trouble = redisReason(error)));
    client.on('ready', () => (this.trouble = undefined));
    // ioredis adds a listener to the socket for each READONLY reply, and many commands may be in flight.
    if (!isCluster(client)) client.on('connect', () => client.stream.setMaxListeners(0));
  }

  close(withinMs: number): Promise<void> {
    this.#closed ??= this.#close(withinMs);
    return this.#closed;
  }

  async #close(withinMs: number): Promise<void> {
    const { client } = this;
    // What fails is gone already.
    await within(withinMs, takeLeave(client, withinMs)).catch(() => undefined);
    client.disconnect();
  }
}

async function takeLeave(client: Redis | Cluster, withinMs: number): Promise<void> {
  if (client.status === 'ready') await client.quit();
  // Between two attempts to connect, `disconnect()` would leave the commands pending that wait for a connection.
  if (client.status === 'reconnecting') await once(client, 'connecting', { signal: AbortSignal.timeout(withinMs) });
}

function givenClient(client: Redis | Cluster): OpenRedis {
  return { client, trouble: undefined, close: () => Promise.resolve() };
}

function isClient(connection: MimcRedisConnection): connection is Redis | Cluster {
  return typeof connection === 'object' && 'evalsha' in connection;
}

function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}

function redisOptionsOf(client: Redis | Cluster): RedisOptions {
  return isCluster(client) ? (client.options.redisOptions ?? {}) : client.options;
}

function duplicateOf(client: Redis | Cluster, fixed: RedisOptions): Redis | Cluster {
  return isCluster(client) ? client.duplicate([], { redisOptions: fixed }) : client.duplicate(fixed);
}

function hasKeyPrefix(connection: object): boolean {
  const options = 'options' in connection && isRecord(connection.options) ? connection.options : connection;
  return 'keyPrefix' in options && Boolean(options.keyPrefix);
}
