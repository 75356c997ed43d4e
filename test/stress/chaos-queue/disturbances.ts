import type { Crew } from './crew.js';
import type { RedisEndpoint } from './redis-endpoint.js';

/** What goes wrong in a round, in this order. */
export const DISTURBANCES = [
  'full',
  'kill',
  'cut connections',
  'halt',
  'NOREPLICAS',
  'kill',
  'latency',
  'kill',
  'restart',
  'kill',
  'failover',
] as const;

export type Disturbance = (typeof DISTURBANCES)[number];

/** What disturbances are made with. */
export interface Disturbed {
  readonly crew: Crew;
  readonly redis: RedisEndpoint;
  readonly lockMs: number;
  /** Called while Redis is full. */
  readonly whenFull: () => Promise<void>;
  /** Called when a worker was killed or halted. */
  readonly whenStopped: () => Promise<void>;
}

/** Makes one; resolves when it is over, except that a worker stays halted for a while. */
export async function disturb(kind: Disturbance, { crew, redis, lockMs, ...on }: Disturbed): Promise<void> {
  // Locks are renewed every half of their time: with this long in between, they hold.
  const spellMs = lockMs * 0.4;
  switch (kind) {
    case 'kill':
      await crew.kill();
      await on.whenStopped();
      // On a busy machine a start takes longer than the time between two kills.
      return crew.ready();
    case 'halt':
      await crew.halt(2.5 * lockMs);
      return on.whenStopped();
    case 'cut connections':
      return redis.cut();
    case 'NOREPLICAS':
      return redis.withoutReplicas(spellMs);
    case 'full':
      return redis.full(spellMs, on.whenFull);
    case 'latency':
      return redis.slow(6_000);
    case 'restart':
      return redis.restart();
    case 'failover':
      return redis.failOver();
  }
}
