import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { MimcBroadcastMessage, MimcQuotaKind } from '../../index.js';
import type { AudiencePage } from './audience-pages.js';
import { activeKey, type BroadcastKeys, keysOf } from './broadcast-keys.js';
import { MOVE } from './control.lua.js';
import { APPEND, BEGIN, SEAL } from './enqueue.lua.js';
import type { LuaScript, ScriptArgument } from './lua-script.js';
import type { QueueSettings } from './queue-options.js';
import type { MimcFailedChunk, MimcQueuedBroadcast, MimcQueuedState } from './queued-broadcast.js';
import { broadcastOf, invalidChunk } from './stored-broadcast.js';

/** A page that is not settled, as a BullMQ job names it. */
export interface PageRef {
  readonly id: string;
  /** The page's offset in the audience. */
  readonly page: number;
  /** Tells the jobs of a page apart. */
  readonly run: string;
}

/** One call that enqueues a broadcast. */
export interface Enqueueing {
  readonly id: string;
  readonly kind: MimcQuotaKind;
  /** Tells the calls apart that enqueue the same broadcast: only the last one to begin may write. */
  readonly producer: string;
}

/** What a producer is told when it writes. */
export interface Written {
  /** `gone` when there is no such broadcast, `taken` when another producer writes it. */
  readonly state: MimcQueuedState | 'gone' | 'taken';
  /** How many recipients are enqueued, whoever enqueued them. */
  readonly position: number;
}

type Naming = Pick<QueueSettings, 'prefix' | 'queueName'>;

/** How many records are fetched at a time. */
const BATCH = 100;

/** The broadcasts in Redis, as producers and operators see them. */
export class BroadcastStore {
  constructor(
    private readonly client: Redis,
    private readonly naming: Naming,
  ) {}

  keys(id: string): BroadcastKeys {
    return keysOf(this.naming.prefix, this.naming.queueName, id);
  }

  /**
   * Begins a broadcast, or finds it begun and takes it over from its producer where its audience is not complete;
   * undefined when there is another one under this id.
   */
  async begin(
    { id, kind, producer }: Enqueueing,
    message: MimcBroadcastMessage,
    settings: QueueSettings,
  ): Promise<(Written & { readonly sealed: boolean }) | undefined> {
    const text = JSON.stringify(message, Object.keys(message).toSorted());
    const digest = createHash('sha256').update(`${kind}\n${text}`).digest('hex');
    const fields = {
      kind,
      message: text,
      delivery: settings.delivery,
      maxAttempts: settings.retry.maxAttempts,
      stopAfter: settings.stopAfterConsecutiveFailures || 0,
      retentionMs: settings.retentionMs,
    };
    const args = [digest, id, producer, ...Object.entries(fields).flat()];
    const [which, position, sealed, state] = await this.#run(BEGIN, id, args);
    if (which === 'other') return undefined;
    return { position: Number(position), sealed: sealed === '1', state: state as MimcQueuedState };
  }

  /** Writes a page, unless the broadcast has got beyond it already. */
  async append({ id, producer }: Enqueueing, { from, to, chunks, invalid }: AudiencePage): Promise<Written> {
    // As text within text: the script need not understand, nor write again, what an entry holds.
    const records = invalid.map(([offset, entry]) => [String(offset), JSON.stringify(invalidChunk(offset, entry))]);
    const args = [producer, from, to, chunks.length === 0 ? '' : JSON.stringify(chunks), JSON.stringify(records)];
    return written(await this.#run(APPEND, id, args, [this.keys(id).data(from)]));
  }

  /** Marks the audience as complete when it has `read` recipients. */
  async seal({ id, producer }: Enqueueing, read: number): Promise<Written> {
    return written(await this.#run(SEAL, id, [producer, read]));
  }

  async move(id: string, to: 'running' | 'paused' | 'cancelled'): Promise<void> {
    await this.#run(MOVE, id, [to]);
  }

  async get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return broadcastOf(await this.client.hgetall(this.keys(id).meta));
  }

  /** Ids of the broadcasts that are not over. */
  active(): Promise<string[]> {
    return this.client.smembers(activeKey(this.naming.prefix, this.naming.queueName));
  }

  /** The pages that are not settled, some at a time. One may come twice. */
  async *openPages(id: string): AsyncGenerator<PageRef[], void, undefined> {
    const { pages } = this.keys(id);
    let cursor = '0';
    do {
      const [next, found] = await this.client.hscan(pages, cursor, 'COUNT', BATCH);
      cursor = next;
      const refs = Array.from({ length: found.length / 2 }, (_, i) => {
        return { id, page: Number(found[2 * i]), run: found[2 * i + 1] ?? '' };
      });
      yield refs.toSorted((a, b) => a.page - b.page);
    } while (cursor !== '0');
  }

  /** What failed, in the order of the audience, beyond an offset. */
  async *failedChunks(id: string, after: number): AsyncGenerator<MimcFailedChunk, void, undefined> {
    const { failedOrder, failed } = this.keys(id);
    let last = after;
    for (;;) {
      const range = [`(${last}`, '+inf', 'WITHSCORES', 'LIMIT', 0, BATCH] as const;
      const found = await this.client.zrangebyscore(failedOrder, ...range);
      if (found.length === 0) return;
      const members = found.filter((_, index) => index % 2 === 0);
      last = Number(found.at(-1));
      const records = await this.client.hmget(failed, ...members);
      for (const record of records) {
        // A chunk that was given up as unknown may have been heard of just now.
        if (record !== null) yield JSON.parse(record) as MimcFailedChunk;
      }
    }
  }

  async #run(script: LuaScript, id: string, args: ScriptArgument[], more: readonly string[] = []): Promise<string[]> {
    const { meta, pages, failedOrder, failed, lost, active } = this.keys(id);
    const reply = await script.run(this.client, [meta, pages, failedOrder, failed, lost, active, ...more], args);
    return Array.isArray(reply) ? reply.map(String) : [];
  }
}

function written([state, position]: string[]): Written {
  return { state: state as Written['state'], position: Number(position) };
}
