import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type MimcAcquireOptions, MimcError, type MimcPermit } from 'nestjs-mimc';
import { RedisMimcRateLimiter, type RedisMimcRateLimiterOptions } from 'nestjs-mimc/bullmq';
import { startRedis, type TestRedis } from './redis.js';

/**
 * More than a busy machine takes, and less than the leases, pauses and time limits that a call would otherwise have waited
 * for. Which of the two it was is what a test wants to know.
 */
export const SOON_MS = 5_000;

/** What became of a call: `admitted`, the code of its error, or the reason of its signal; undefined while it waits. */
export interface LimiterCall {
  readonly name: string;
  outcome: unknown;
  /** When it was decided, on the clock of `performance.now()`. */
  at: number;
  permit: MimcPermit;
  readonly done: Promise<void>;
}

/** Limiters over one Redis and one quota, each as another process would have it: with a connection of its own. */
export class LimiterFleet {
  readonly app = randomUUID();
  /** Names of the calls in the order of their admission. */
  readonly order: string[] = [];
  readonly #limiters: RedisMimcRateLimiter[] = [];

  /** Runs `body` with limiters of its own and closes them. */
  static async use(url: string, body: (fleet: LimiterFleet) => Promise<void>): Promise<void> {
    const fleet = new LimiterFleet(url);
    try {
      await body(fleet);
    } finally {
      await fleet.close();
    }
  }

  constructor(private readonly url: string) {}

  /** Another process; with 10 accounts a second unless given otherwise. */
  add(options: Partial<RedisMimcRateLimiterOptions> = {}): RedisMimcRateLimiter {
    const quota = { accountsPerSecond: 10, topicsPerSecond: 4 };
    const limiter = new RedisMimcRateLimiter({ connection: this.url, app: this.app, ...quota, ...options });
    this.#limiters.push(limiter);
    return limiter;
  }

  /** Starts a call and follows it. */
  call(
    limiter: RedisMimcRateLimiter,
    units: number,
    options: Partial<MimcAcquireOptions> & { name?: string } = {},
  ): LimiterCall {
    const { name = '', ...rest } = options;
    const call = { name, outcome: undefined as unknown, at: NaN, permit: { settle() {}, cancel() {} } };
    const follow = async () => {
      try {
        call.permit = await limiter.acquire('accounts', units, { lane: 'interactive', ...rest });
        call.outcome = 'admitted';
        this.order.push(name);
      } catch (error) {
        call.outcome = MimcError.is(error) ? error.code : error;
      }
      call.at = performance.now();
    };
    return Object.assign(call, { done: follow() });
  }

  async close(): Promise<void> {
    await Promise.all(this.#limiters.map((limiter) => limiter.close()));
  }
}

/** Runs `body` with limiters over a Redis of its own, which it may stop. */
export async function withRedis(body: (redis: TestRedis, fleet: LimiterFleet) => Promise<void>): Promise<void> {
  const redis = await startRedis();
  try {
    await LimiterFleet.use(redis.url, (fleet) => body(redis, fleet));
  } finally {
    await redis.stop();
  }
}
