import type { Redis } from 'ioredis';
import type { MimcBroadcastMessage, MimcDelivery, MimcQuotaKind } from '../../index.js';
import type { StoredChunk } from './audience-pages.js';
import type { PageRef } from './broadcast-store.js';
import type { BroadcastKeys } from './broadcast-keys.js';
import { PARK } from './control.lua.js';
import { CLAIM, OPEN, RELEASE, SETTLE } from './deliver.lua.js';
import type { MimcFailedChunk, MimcPauseReason } from './queued-broadcast.js';

/** What a worker needs to send a page. */
export interface OpenPage {
  readonly chunks: readonly StoredChunk[];
  readonly kind: MimcQuotaKind;
  readonly message: MimcBroadcastMessage;
  readonly delivery: MimcDelivery;
  readonly maxAttempts: number;
}

/** The answer to a claim. */
export type Claim =
  | { readonly is: 'claimed'; readonly attempt: number }
  | { readonly is: 'abandoned'; readonly token: string }
  | { readonly is: 'settled' | 'stale' | 'paused' | 'cancelled' };

/** A count of the broadcast. */
export type ChunkOutcome = 'accepted' | 'refused' | 'notSent' | 'unknown';

/** What became of a chunk, and who says so: see the script. */
export interface Settlement {
  readonly chunk: number;
  readonly outcome: ChunkOutcome;
  readonly by: 'own' | 'abandoned' | 'dropped';
  /** Of the claim that was given up; default the own one. */
  readonly token?: string;
  readonly record?: MimcFailedChunk;
}

/** One page in Redis, for one run of its job. */
export class PageStore {
  #token = '';
  #chunks: readonly StoredChunk[] = [];

  constructor(
    private readonly client: Redis,
    private readonly keys: BroadcastKeys,
    private readonly ref: PageRef,
  ) {}

  /**
   * Takes the page over; undefined when it is settled, or has another job.
   *
   * @throws Error when Redis lost what is in it: the page is dropped, and is over from now on
   */
  async open(): Promise<OpenPage | undefined> {
    const { id, page, run } = this.ref;
    const reply = await OPEN.run(this.client, this.#allKeys, [page, run]);
    if (reply === 'dropped') throw new Error(`it lost page ${page} of ${id}, whose recipients will count as unknown`);
    if (!Array.isArray(reply)) return undefined;
    const [token, data, kind, message, delivery, maxAttempts] = reply.map(String);
    this.#token = token ?? '';
    this.#chunks = JSON.parse(data ?? '') as StoredChunk[];
    return {
      chunks: this.#chunks,
      kind: kind as MimcQuotaKind,
      message: JSON.parse(message ?? '') as MimcBroadcastMessage,
      delivery: delivery as MimcDelivery,
      maxAttempts: Number(maxAttempts),
    };
  }

  async claim(chunk: number): Promise<Claim> {
    const reply = await CLAIM.run(this.client, [this.keys.meta, this.#chunkKey], [this.#token, chunk]);
    const [is, detail] = (reply as unknown[]).map(String);
    if (is === 'claimed') return { is, attempt: Number(detail) };
    if (is === 'abandoned') return { is, token: detail ?? '' };
    return { is: is as 'settled' | 'stale' | 'paused' | 'cancelled' };
  }

  async settle({ chunk, outcome, by, token = this.#token, record }: Settlement): Promise<void> {
    const [offset, recipients] = this.#chunks[chunk] ?? [0, []];
    const about = [this.ref.page, chunk, token, by, outcome, recipients.length, offset, this.#chunks.length];
    const reason = record?.code === undefined ? '{}' : JSON.stringify(reasonOf(record.code, record.message));
    await SETTLE.run(this.client, this.#allKeys, [
      ...about,
      record === undefined ? '' : JSON.stringify(record),
      reason,
    ]);
  }

  /**
   * Gives the claim of a chunk back, as its push provably did nothing. Without a reason the attempt does not count. False
   * when the claim had been given up.
   */
  async release(chunk: number, reason?: MimcPauseReason): Promise<boolean> {
    const text = reason === undefined ? '' : JSON.stringify(reasonOf(reason.code, reason.message));
    return (await RELEASE.run(this.client, [this.keys.meta, this.#chunkKey], [chunk, this.#token, text])) === 1;
  }

  /** Leaves the page to the resumption of its broadcast; false when that is no longer paused. */
  async park(): Promise<boolean> {
    return (await PARK.run(this.client, [this.keys.meta, this.keys.pages], [this.ref.page])) === 1;
  }

  /** As the scripts take them that may end the broadcast. */
  get #allKeys(): string[] {
    const { meta, pages, failedOrder, failed, lost, active } = this.keys;
    return [meta, pages, failedOrder, failed, lost, active, this.keys.data(this.ref.page), this.#chunkKey];
  }

  get #chunkKey(): string {
    return this.keys.chunks(this.ref.page);
  }
}

function reasonOf(code: MimcPauseReason['code'], message: string): MimcPauseReason {
  return { code, message };
}
