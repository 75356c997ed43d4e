import { type OpenRedis, redisReason } from '../redis-connection.js';
import { EXCHANGE } from './redis-exchange.lua.js';
import { isForbidden, isOfflineRefusal, redisAway, scriptsForbidden } from './limiter-errors.js';

/** States of a client that cannot get through; in all others a command is sent, or goes out once connected. */
const AWAY: ReadonlySet<string> = new Set(['reconnecting', 'disconnecting', 'close', 'end']);

/** What the first calls of a lane ask for. */
export interface Question {
  /** Where they are in the order of all processes, according to the last answer. */
  readonly start: string;
  /** Units of all calls that wait in the lane. */
  readonly backlog: number;
  /** Units of each of the first calls. */
  readonly calls: readonly number[];
}

/** Units that were answered for, and when, on the clock of `performance.now()`. */
export interface Settlement {
  units: number;
  at: number;
}

/** What a process declares. */
export interface Declaration {
  /** Units of permits that are not settled. */
  readonly open: number;
  readonly settled: readonly Settlement[];
  /** What is left of a penalty, in milliseconds. */
  readonly penaltyMs: number;
  readonly interactive: Question;
  readonly bulk: Question;
}

/** Redis's answer for a lane; times on the clock of `performance.now()`. */
export interface Answer {
  readonly start: string;
  /** When the units of each granted call are free, from the first call on. */
  readonly granted: readonly number[];
  /** When the first call that was not granted should ask again. */
  readonly retryAt: number;
  /** Before when it cannot be granted, if every reply came at once and no call before it gave up. */
  readonly notBefore: number;
}

/** Redis's answer. */
export interface Reply {
  readonly usedUnits: number;
  readonly resumesAt: number;
  readonly interactive: Answer;
  readonly bulk: Answer;
}

/** The exchanges of one process with Redis about one bucket, numbered so that Redis notices one that was overtaken. */
export class RedisExchange {
  #number = 0;
  #revision = '0';
  readonly #keys: readonly string[];

  /** @param place what all keys begin with, including the hash tag */
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
   * @returns nothing when Redis ignored the declaration because a later one came first
   * @throws MimcError `MIMC_CONNECT` when Redis did not run it, or nobody knows; `MIMC_CONFIG` when it is not allowed to
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
