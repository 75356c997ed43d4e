import type { Redis } from 'ioredis';

/** Recipients of requests that workers have claimed and not reported: those that are in flight, or were when they died. */
export async function claimedRecipients(redis: Redis, prefix: string, queues: readonly string[]): Promise<number> {
  let sum = 0;
  for (const queue of queues) {
    for (const id of await redis.lrange(`${prefix}:${queue}:active`, 0, -1)) {
      const [, from, to] = ((await redis.hget(`${prefix}:${queue}:${id}`, 'claim')) ?? '').split(':').map(Number);
      sum += (to ?? 0) - (from ?? 0);
    }
  }
  return sum;
}
