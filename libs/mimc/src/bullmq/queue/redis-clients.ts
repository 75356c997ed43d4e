import { once } from 'node:events';
import type { Redis, RedisOptions } from 'ioredis';
import { within } from '../../internals.js';
import { ioredis } from '../loaded-peers.js';

/** Where Redis is: a URL, or options of ioredis, without a `keyPrefix`, which BullMQ does not take. */
export type MimcRedisConnection = string | RedisOptions;

/**
 * A connection for calls that somebody waits for: they fail within two seconds when Redis cannot be reached, and after five
 * when it does not answer.
 */
export function callerClient(connection: MimcRedisConnection): Redis {
  return connect(connection, { maxRetriesPerRequest: 0, connectTimeout: 1_500, commandTimeout: 5_000 });
}

/** A connection for a worker: it waits for Redis as long as it takes, as BullMQ demands. */
export function workerClient(connection: MimcRedisConnection): Redis {
  return connect(connection, { maxRetriesPerRequest: null, enableOfflineQueue: true });
}

/** Ends a connection, and rejects the commands that still wait for it. One that Redis does not answer on is cut. */
export async function disconnect(client: Redis, withinMs = 1_000): Promise<void> {
  if (client.status === 'end') return;
  // What fails is gone already.
  await within(withinMs, takeLeave(client, withinMs)).catch(() => undefined);
  client.disconnect();
}

async function takeLeave(client: Redis, withinMs: number): Promise<void> {
  if (client.status === 'ready') await client.quit();
  // Between two attempts to connect, `disconnect()` would leave the commands pending that wait for a connection.
  if (client.status === 'reconnecting') await once(client, 'connecting', { signal: AbortSignal.timeout(withinMs) });
}

function connect(connection: MimcRedisConnection, fixed: RedisOptions): Redis {
  // BullMQ retries a reconnect within 20 s at the latest; a Redis that restarts is back sooner.
  const retryStrategy = (times: number) => Math.min(50 * 2 ** times, 500);
  if (typeof connection === 'string') return new ioredis.Redis(connection, { retryStrategy, ...fixed });
  return new ioredis.Redis({ retryStrategy, ...connection, ...fixed });
}
