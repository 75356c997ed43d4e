import { type OpenRedis, redisReason } from '../redis-connection.js';
import { EXCHANGE } from './redis-exchange.lua.js';
import { isForbidden, isOfflineRefusal, redisAway, scriptsForbidden } from './limiter-errors.js';

/** States of a client without a connection. In all others a command is sent, at once or when connected. */
const AWAY: ReadonlySet<string> = new Set(['reconnecting', 'disconnecting', 'close', 'end']);

/** What a process asks for in one lane. */
export interface Question {
  /** The start tag of the first call, from the last answer. */
  readonly start: string;
  /** Units of all calls that wait in the lane. */
  readonly backlog: number;
  /** Units of each of the first calls. */
  readonly calls: readonly number[];
}

/** Units of requests that ended, and when, on the clock of `performance.now()`. */
export interface Settlement {
  units: number;
  at: number;
}

/** What a process declares. */
export interface Declaration {
  /** Units of permits that are not settled. */
  readonly open: number;
  readonly settled: readonly Settlement[];
  /** The rest of a penalty, in milliseconds. */
  readonly penaltyMs: number;
  readonly interactive: Question;
  readonly bulk: Question;
}

/** Redis's answer for a lane; times on the clock of `performance.now()`. */
export interface Answer {
  readonly start: string;
  /** When the units of each granted call are free, in the order of the calls. */
  readonly granted: readonly number[];
  /** When the first call that was not granted should ask again. */
  readonly retryAt: number;
  /** The earliest time at which it can be granted, provided that every reply is immediate and no call ahead gives up. */
  readonly notBefore: number;
}

/** Redis's answer. */
export interface Reply {
  readonly usedUnits: number;
  readonly resumesAt: number;
  readonly interactive: Answer;
  readonly bulk: Answer;
}

/** The exchanges of one process with Redis for one bucket, numbered so that Redis ignores one that arrives out of order. */
export class RedisExchange {
  #number = 0;
  #revision = '0';
  readonly #keys: readonly string[];

  /** @param place the prefix of all keys, including the hash tag */
  constructor(
    private readonly redis: OpenRedis,
    private readonly process: string,
    place: string,
    private readonly limit: number,
    private readonly leaseMs: number,
  ) {
    this.#keys = ['state', 'held', 'interactive', 'bulk'].map((key) => `${place}:${key}`);
  }

  /**
   * @returns nothing when Redis ignored the declaration because a later one arrived first
   * @throws MimcError `MIMC_CONNECT` when Redis did not run it or may not have; `MIMC_CONFIG` when the user lacks the right
   */
  async send({ open, settled, penaltyMs, interactive, bulk }: Declaration): Promise<Reply | undefined> {
    const { client, trouble } = this.redis;
    if (AWAY.has(client.status)) throw redisAway(trouble ?? client.status);
    const now = performance.now();
    this.#number += 1;
    const args = [this.process, this.limit, this.leaseMs * 1_000, this.#number, this.#revision, open];
    args.push(Math.ceil(penaltyMs * 1_000), settled.length);
    for (const { units, at } of settled) args.push(units, Math.floor((now - at) * 1_000));
    for (const { start, backlog, calls } of [interactive, bulk]) args.push(start, backlog, calls.length, ...calls);
    try {
      return this.#read(await EXCHANGE.run(client, this.#keys, args));
    } catch (error) {
      if (isForbidden(error)) throw scriptsForbidden(redisReason(error));
      if (isOfflineRefusal(error)) throw redisAway('the client is not connected, and its enableOfflineQueue is false');
      throw redisAway(this.redis.trouble ?? redisReason(error));
    }
  }

  #read(raw: unknown): Reply | undefined {
    const [revision, usedUnits, resumesIn, interactive, bulk] = raw as Raw;
    if (revision === undefined) return undefined;
    this.#revision = revision;
    const now = performance.now();
    const answer = ([start, retryIn, earliestIn, ...granted]: RawAnswer): Answer => ({
      start,
      granted: granted.map((readyIn) => now + readyIn / 1_000),
      retryAt: now + retryIn / 1_000,
      notBefore: now + earliestIn / 1_000,
    });
    const resumesAt = resumesIn > 0 ? now + resumesIn / 1_000 : -Infinity;
    return { usedUnits, resumesAt, interactive: answer(interactive), bulk: answer(bulk) };
  }
}

type RawAnswer = readonly [start: string, retryIn: number, earliestIn: number, ...readyIn: number[]];
type Raw = readonly [string | undefined, number, number, RawAnswer, RawAnswer];
