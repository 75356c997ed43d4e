import type { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { MimcPushService } from '../../index.js';
import type { BroadcastStore } from './broadcast-store.js';
import type { QueueKeys } from './queue-keys.js';
import type { QueueSettings } from './queue-options.js';

/** What the sending part of a process uses. */
export interface RunContext {
  readonly push: MimcPushService;
  readonly settings: QueueSettings;
  readonly keys: QueueKeys;
  readonly store: BroadcastStore;
  /** Fails fast: for commands whose caller waits. */
  readonly redis: Redis | Cluster;
  /** Waits for Redis: for BullMQ's workers. */
  readonly workerRedis: Redis | Cluster;
  /** Aborts when shutdown begins. */
  readonly closing: AbortSignal;
  /** Aborts when the process stops waiting for Redis. */
  readonly giveUp: AbortSignal;
  /** BullMQ's queue with this name. */
  queue(name: string): Queue;
  /** Closes the queue of a broadcast that is being forgotten, if it is open. */
  drop(name: string): Promise<void>;
  /** Logs trouble with Redis. */
  readonly warn: (error: unknown) => void;
}
