/** The state of a broadcast in Redis. `cancelling` and `expiring` end once all remaining recipients are reported. */
export type StoredState =
  'scheduled' | 'enqueuing' | 'running' | 'paused' | 'cancelling' | 'expiring' | 'done' | 'cancelled' | 'expired';

export const STORED_STATES: readonly StoredState[] = [
  'scheduled',
  'enqueuing',
  'running',
  'paused',
  'cancelling',
  'expiring',
  'done',
  'cancelled',
  'expired',
];

/** The final states. */
export const ENDED_STATES: readonly StoredState[] = ['done', 'cancelled', 'expired'];

/** BullMQ's queues of single pushes, one per quota, so that pushes waiting for one quota do not hold up the others. */
export const PUSH_QUEUES = { accounts: 'pushes', topics: 'topic-pushes' } as const;

/** BullMQ's queue of one broadcast. */
export function queueOf(broadcastId: string): string {
  return `broadcast.${broadcastId}`;
}

/**
 * The names of keys. All keys of an app share one hash tag, so a Cluster keeps them on one node. The appId in it keeps apps
 * apart, so a message never leaves with the credentials of another app.
 */
export class QueueKeys {
  /** The prefix of BullMQ's keys. */
  readonly prefix: string;

  constructor(prefix: string, appId: string) {
    this.prefix = `{${prefix}:${encodeURIComponent(appId)}}`;
  }

  /** The set of broadcasts in this state. A change of state is one SMOVE, which a full Redis accepts too. */
  state(state: StoredState): string {
    return `${this.prefix}:broadcasts:${state}`;
  }

  /** The hash of a broadcast: its plan, counters and audience. */
  broadcast(id: string): string {
    return `${this.prefix}:broadcast:${id}`;
  }

  /** Which parts of a broadcast are settled: a bitmap. */
  settled(id: string): string {
    return `${this.broadcast(id)}:settled`;
  }

  /** The record of an audience while it is enqueued: a string of one digest per job. */
  audience(id: string): string {
    return `${this.broadcast(id)}:audience`;
  }

  /** A sorted set of single pushes that have ended, by the time at which they are forgotten. */
  get endedPushes(): string {
    return `${this.prefix}:pushes-ended`;
  }

  /** A sorted set of broadcasts that have ended, by the time at which they are forgotten. */
  get ended(): string {
    return `${this.prefix}:broadcasts:ended`;
  }

  /** BullMQ's hash of a job. Our fields in it are removed with the job. */
  job(queue: string, id: string): string {
    return `${this.prefix}:${queue}:${id}`;
  }

  /** BullMQ's lock of a job, with the token of the worker that holds it. */
  lock(queue: string, id: string): string {
    return `${this.job(queue, id)}:lock`;
  }
}
