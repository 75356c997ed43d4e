import { setTimeout as sleep } from 'node:timers/promises';
import type { MimcLane } from '#mimc/index.js';
import { RedisMimcRateLimiter } from '#mimc/bullmq/index.js';
import { report } from './processes.js';

/**
 * Clients of the shared limiter, each with its own connection, as if each were a process:
 * `<redis> <app> <clients> <units a second> <ms of a request> <ms>`. Both lanes of each are busy: four calls of a fifth of
 * the quota in bulk, four of one unit in interactive.
 */
process.on('disconnect', () => process.exit());

/** A request that arrived, by the clock that all processes share. */
export interface Arrival {
  readonly at: number;
  readonly units: number;
  readonly lane: MimcLane;
}

const [connection = '', app = '', ...numbers] = process.argv.slice(2);
const [clients = 1, limit = 50, requestMs = 50, forMs = 10_000] = numbers.map(Number);

const limiters = Array.from(
  { length: clients },
  () => new RedisMimcRateLimiter({ connection, app, accountsPerSecond: limit, answerMs: 10_000 }),
);
const arrivals: Arrival[] = [];
const end = new AbortController();

async function keepBusy(limiter: RedisMimcRateLimiter, lane: MimcLane, units: number): Promise<void> {
  while (!end.signal.aborted) {
    const permit = await limiter.acquire('accounts', units, { lane });
    const before = Math.random() * requestMs;
    await sleep(before);
    arrivals.push({ at: performance.timeOrigin + performance.now(), units, lane });
    await sleep(requestMs - before);
    permit.settle();
  }
}

const lanes = [
  ['bulk', limit / 5],
  ['interactive', 1],
] as const;
const running = limiters.flatMap((limiter) =>
  lanes.flatMap(([lane, units]) => Array.from({ length: 4 }, () => keepBusy(limiter, lane, units))),
);
await Promise.race([sleep(forMs), Promise.all(running)]);
end.abort();
report(arrivals);
