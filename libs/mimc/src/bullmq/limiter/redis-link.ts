import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { ioredis } from '../loaded-peers.js';
import {
  isForbidden,
  isOfflineRefusal,
  reasonOf,
  redisAway,
  redisAwayUnsent,
  scriptsForbidden,
} from './limiter-errors.js';

/** Defaults for a connection of our own. */
const OWN: RedisOptions = {
  lazyConnect: true,
  connectTimeout: 2_000,
  disconnectTimeout: 200,
  retryStrategy: (times) => Math.min(25 * 2 ** times, 1_000),
};

/**
 * What no option changes on a connection of our own: a command waits for the connection to be made, fails as soon as the
 * connection does, and is never sent a second time; a server that turned into a replica is left.
 */
const ALWAYS: RedisOptions = {
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: true,
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/** States of a client that cannot get through; in all others a command is sent, or goes out once connected. */
const AWAY: ReadonlySet<string> = new Set(['reconnecting', 'disconnecting', 'close', 'end']);

/** A Lua script and the digest by which Redis knows it. */
export class Script {
  readonly digest: string;

  constructor(readonly source: string) {
    this.digest = createHash('sha1').update(source).digest('hex');
  }
}

/** The way to Redis: a connection of our own, or a client of somebody else's. */
export class RedisLink {
  readonly #client: Redis | Cluster;
  readonly #isOwn: boolean;
  readonly #known = new Set<Script>();
  readonly #running = new Set<Promise<unknown>>();
  #trouble: string | undefined;
  #closed: Promise<void> | undefined;

  constructor(connection: Redis | Cluster | RedisOptions | string) {
    this.#isOwn = typeof connection === 'string' || !('evalsha' in connection);
    if (typeof connection === 'string') this.#client = new ioredis.Redis(connection, OWN);
    else this.#client = 'evalsha' in connection ? connection : new ioredis.Redis({ ...OWN, ...connection, ...ALWAYS });
    if (this.#isOwn) {
      // Once more, as the query of a URL goes before the options given with it.
      Object.assign(this.#client.options, ALWAYS);
      this.#client.on('error', (error: unknown) => (this.#trouble = reasonOf(error)));
      this.#client.on('ready', () => (this.#trouble = undefined));
    }
  }

  /**
   * Runs a script.
   *
   * @throws MimcError `MIMC_CONNECT` when Redis did not run it, or did not answer; `MIMC_CONFIG` when it is not allowed to
   */
  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (AWAY.has(this.#client.status)) throw redisAwayUnsent(this.#trouble ?? this.#client.status);
    const reply = this.#evaluate(script, keys, args);
    this.#running.add(reply);
    try {
      return await reply;
    } catch (error) {
      if (isForbidden(error)) throw scriptsForbidden(reasonOf(error));
      if (isOfflineRefusal(error))
        throw redisAwayUnsent('the client is not connected, and its enableOfflineQueue is false');
      throw redisAway(this.#trouble ?? reasonOf(error));
    } finally {
      this.#running.delete(reply);
    }
  }

  /** Waits for what was sent, at most `withinMs`, then closes the connection if it is our own. Harmless when repeated. */
  close(withinMs: number): Promise<void> {
    this.#closed ??= this.#close(withinMs);
    return this.#closed;
  }

  async #close(withinMs: number): Promise<void> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), withinMs);
    const late = once(end.signal, 'abort');
    while (this.#running.size > 0 && !end.signal.aborted) {
      await Promise.race([Promise.allSettled(this.#running), late]);
      // An answer may lead to another command.
      await nextTurn();
    }
    clearTimeout(timer);
    if (this.#isOwn) this.#client.disconnect();
  }

  async #evaluate(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    // The first time in full, so that commands reach Redis in the order in which they were given.
    const isKnown = this.#known.has(script);
    this.#known.add(script);
    if (!isKnown) return this.#client.eval(script.source, keys.length, ...keys, ...args);
    try {
      return await this.#client.evalsha(script.digest, keys.length, ...keys, ...args);
    } catch (error) {
      // Redis forgets its scripts when it restarts.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await this.#client.eval(script.source, keys.length, ...keys, ...args);
    }
  }
}
