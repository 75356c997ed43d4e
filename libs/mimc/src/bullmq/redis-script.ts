import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';

/** A Lua script: Redis runs it as one step, by its digest where it knows the script already. Its keys share one slot. */
export class RedisScript {
  readonly #digest: string;

  constructor(private readonly source: string) {
    this.#digest = createHash('sha1').update(source).digest('hex');
  }

  async run(
    client: Redis | Cluster,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
  ): Promise<unknown> {
    writeTogether(client);
    try {
      return await client.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      // Redis forgets its scripts when it restarts, and a node of a cluster learns them with the first call.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.eval(this.source, keys.length, ...keys, ...args);
    }
  }
}

/**
 * Lets the commands of one turn of the event loop leave in one write: the system call costs both sides more than a command.
 * The nodes of a cluster have streams of their own, which stay as they are.
 */
export function writeTogether(client: Redis | Cluster): void {
  const stream = client.isCluster ? undefined : (client as Redis).stream;
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}
