/**
 * The Redis keys of one broadcast. They and BullMQ's own carry the same hash tag, so that a script may touch several of
 * them in a cluster too.
 */
export interface BroadcastKeys {
  /** Hash: message, state, enqueue position, counts. */
  readonly meta: string;
  /** Hash: the pages that are not settled yet, by their offset; the value tells a page's BullMQ jobs apart. */
  readonly pages: string;
  /** Sorted set: members of `failed` by the offset of their first recipient. */
  readonly failedOrder: string;
  /** Hash: what failed, as JSON, with its recipients. */
  readonly failed: string;
  /** Hash: chunks that were given up as unknown, with the fencing token of the claim that may still be heard of. */
  readonly lost: string;
  /** Set, shared by all broadcasts of the queue: ids of those that are not over. */
  readonly active: string;
  /** String: the chunks of a page, as JSON. */
  data(page: number): string;
  /** Hash: claim or end of each chunk of a page. */
  chunks(page: number): string;
}

/** All keys of a queue begin with this; the braces are the hash tag of Redis Cluster. */
export function taggedPrefix(prefix: string): string {
  return /\{.+\}/.test(prefix) ? prefix : `{${prefix}}`;
}

/** Ids of the broadcasts of a queue that are not over. */
export function activeKey(prefix: string, queueName: string): string {
  return `${prefix}:${queueName}:broadcasts:active`;
}

export function keysOf(prefix: string, queueName: string, id: string): BroadcastKeys {
  const base = `${prefix}:${queueName}:broadcasts:${id}`;
  return {
    meta: `${base}:meta`,
    pages: `${base}:pages`,
    failedOrder: `${base}:failed-order`,
    failed: `${base}:failed`,
    lost: `${base}:lost`,
    active: activeKey(prefix, queueName),
    data: (page) => `${base}:data:${page}`,
    chunks: (page) => `${base}:chunks:${page}`,
  };
}
