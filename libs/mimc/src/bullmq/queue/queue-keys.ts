/** Where a broadcast stands, as Redis has it: `cancelling` and `expiring` end once what is left has been reported. */
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

/** BullMQ's queues of single pushes, one for each quota: those that wait for one of them hold up no others. */
export const PUSH_QUEUES = { accounts: 'pushes', topics: 'topic-pushes' } as const;

/** BullMQ's queue of one broadcast. */
export function queueOf(broadcastId: string): string {
  return `broadcast.${broadcastId}`;
}

/**
 * The names of keys. All of an app share one hash tag, so that they are on one node of a cluster, and the appId in it keeps
 * apps apart: a message never goes out with the credentials of another one.
 */
export class QueueKeys {
  /** The prefix of BullMQ's keys. */
  readonly prefix: string;

  constructor(prefix: string, appId: string) {
    this.prefix = `{${prefix}:${encodeURIComponent(appId)}}`;
  }

  /** The set of the broadcasts in this state: changing it is one SMOVE, which even a Redis that is full does. */
  state(state: StoredState): string {
    return `${this.prefix}:broadcasts:${state}`;
  }

  /** Held by the process that removes a broadcast. */
  forgetting(id: string): string {
    return `${this.broadcast(id)}:forgetting`;
  }

  /** What is known of a broadcast: a hash. */
  broadcast(id: string): string {
    return `${this.prefix}:broadcast:${id}`;
  }

  /** Which parts of a broadcast are settled: a bitmap. */
  settled(id: string): string {
    return `${this.broadcast(id)}:settled`;
  }

  /** The audience of a broadcast while it is enqueued: a digest for each of its jobs, in their order, one behind the other. */
  audience(id: string): string {
    return `${this.broadcast(id)}:audience`;
  }

  /** Single pushes that have ended, by the time at which they are forgotten: a sorted set. */
  get endedPushes(): string {
    return `${this.prefix}:pushes-ended`;
  }

  /** Broadcasts that have ended, by the time at which they are forgotten: a sorted set. */
  get ended(): string {
    return `${this.prefix}:broadcasts:ended`;
  }

  /** BullMQ's hash of a job. Our fields in it are removed with the job. */
  job(queue: string, id: string): string {
    return `${this.prefix}:${queue}:${id}`;
  }

  /** BullMQ's lock of a job: it holds the token of the worker that has the job. */
  lock(queue: string, id: string): string {
    return `${this.job(queue, id)}:lock`;
  }
}
