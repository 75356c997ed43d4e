import { type OpenRedis, redisReason } from '../redis-connection.js';
import { EXCHANGE } from './redis-exchange.lua.js';
import { isForbidden, isOfflineRefusal, redisAway, scriptsForbidden } from './limiter-errors.js';

/** States of a client that cannot get through; in all others a command is sent, or goes out once connected. */
const AWAY: ReadonlySet<string> = new Set(['reconnecting', 'disconnecting', 'close', 'end']);

/** What the first calls of a lane ask for. */
export interface Question {
  /** Where they are in the order of all processes, as the last answer said. */
  readonly start: string;
  /** Units of all calls that wait in the lane. */
  readonly backlog: number;
  /** Units of each of the first calls. */
  readonly calls: readonly number[];
}

/** What a process declares; times in milliseconds. */
export interface Declaration {
  readonly open: number;
  readonly settled: number;
  readonly settledAgoMs: number;
  readonly penaltyMs: number;
  readonly interactive: Question;
  readonly bulk: Question;
}

/** What Redis says to a lane; times on the clock of `performance.now()`. */
export interface Answer {
  /** How many of the calls were granted, from the first on. */
  readonly granted: number;
  readonly start: string;
  /** When the first that was not granted should ask again. */
  readonly retryAt: number;
  /** Before when it cannot be granted, if every reply came at once and no call before it gave up. */
  readonly notBefore: number;
}

/** What Redis says. */
export interface Reply {
  readonly usedUnits: number;
  readonly resumesAt: number;
  readonly interactive: Answer;
  readonly bulk: Answer;
}

/** The talk of one process with Redis about one bucket: numbered, so that Redis tells what was overtaken. */
export class RedisExchange {
  #number = 0;
  #revision = '0';
  readonly #keys: readonly string[];

  /** @param place what all keys begin with, its hash tag included */
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
   * @returns nothing when Redis did not take the declaration, as it came after a later one
   * @throws MimcError `MIMC_CONNECT` when Redis did not run it, or nobody knows; `MIMC_CONFIG` when it is not allowed to
   */
  async send(declaration: Declaration): Promise<Reply | undefined> {
    const { client, trouble } = this.redis;
    if (AWAY.has(client.status)) throw redisAway(trouble ?? client.status);
    const { open, settled, settledAgoMs, penaltyMs, interactive, bulk } = declaration;
    this.#number += 1;
    const head = [this.limit, this.leaseMs * 1_000, this.process, this.#number, this.#revision, open, settled];
    const times = [Math.floor(settledAgoMs * 1_000), Math.ceil(penaltyMs * 1_000)];
    const args = [...head, ...times, ...asked(interactive), ...asked(bulk)];
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
    const answer = ([granted, start, retryIn, earliestIn]: RawAnswer): Answer => ({
      granted,
      start,
      retryAt: now + retryIn / 1_000,
      notBefore: now + earliestIn / 1_000,
    });
    const resumesAt = resumesIn > 0 ? now + resumesIn / 1_000 : -Infinity;
    return { usedUnits, resumesAt, interactive: answer(interactive), bulk: answer(bulk) };
  }
}

type RawAnswer = readonly [granted: number, start: string, retryIn: number, earliestIn: number];
type Raw = readonly [string | undefined, number, number, RawAnswer, RawAnswer];

function asked({ start, backlog, calls }: Question): (string | number)[] {
  return [start, backlog, calls.length, ...calls];
}
