import type { Cluster, Redis } from 'ioredis';
import type { JobType, Queue } from 'bullmq';
import {
  type MimcFailedChunk,
  type MimcPauseReason,
  type MimcQueuedBroadcast,
  type BroadcastPlan,
} from './queued-broadcast.js';
import type { MimcQueuedState } from './queued-broadcast.js';
import {
  type AudienceRead,
  audienceText,
  DIGEST_LENGTH,
  isJobOf,
  type JobBatch,
  offsetOf,
  settledBit,
} from './audience-jobs.js';
import { COUNT_OF, partsOf } from './job-outcome.js';
import { ENDED_STATES, type QueueKeys, queueOf, STORED_STATES, type StoredState } from './queue-keys.js';
import { BEGIN, READ, RECORD, REOPEN, SEAL } from './queue-scripts.js';
import { END } from './retention-scripts.js';

/** Jobs read per call. */
const PAGE = 100;

/** From which states each change is possible, and to which state. `begun` means `scheduled` before `startAt`, then `running`. */
const MOVES = {
  pause: { running: 'paused', scheduled: 'paused' },
  resume: { paused: 'begun' },
  cancel: { enqueuing: 'cancelled', scheduled: 'cancelling', running: 'cancelling', paused: 'cancelling' },
  abandon: { enqueuing: 'cancelled' },
  reopen: { done: 'paused', cancelled: 'paused', expired: 'paused' },
} as const;

/** The register of broadcasts in Redis. */
export class BroadcastStore {
  constructor(
    readonly redis: Redis | Cluster,
    readonly keys: QueueKeys,
  ) {}

  /**
   * Registers a broadcast unless the id is known.
   *
   * @returns the stored plan of this id, and its audience if that is complete; undefined while an earlier broadcast with this
   * id is being forgotten
   */
  async begin(
    id: string,
    plan: BroadcastPlan,
  ): Promise<{ plan: BroadcastPlan; sealed: string | undefined } | undefined> {
    const { keys } = this;
    const others = STORED_STATES.filter((state) => state !== 'enqueuing').map((state) => keys.state(state));
    const own = [keys.broadcast(id), keys.settled(id), keys.audience(id)];
    const all = [...own, keys.ended, keys.state('enqueuing'), ...others];
    const answer = (await BEGIN.run(this.redis, all, [id, JSON.stringify(plan)])) as 'leaving' | (string | null)[];
    if (answer === 'leaving') return undefined;
    const [known, sealed] = answer;
    return { plan: JSON.parse(known ?? '{}') as BroadcastPlan, sealed: sealed ?? undefined };
  }

  /** Records jobs before they are added; returns the answer of {@link RECORD}. */
  async record(id: string, { index, digests, read }: JobBatch): Promise<unknown> {
    const keys = [this.keys.broadcast(id), this.keys.state('enqueuing'), this.keys.audience(id)];
    return RECORD.run(this.redis, keys, [id, index * DIGEST_LENGTH, digests, read]);
  }

  /**
   * Completes an audience, once. Sending may begin.
   *
   * @returns the answer of {@link SEAL}: the audience stored for this id, or why it cannot be completed
   */
  async seal(id: string, audience: AudienceRead): Promise<unknown> {
    const { keys } = this;
    const { read, jobs, digest } = audience;
    const [next, held] = read === 0 ? (['done', 'done'] as const) : ([await this.#begun(id), 'paused'] as const);
    const sets = [keys.state('enqueuing'), keys.state(next), keys.state(held)];
    const args = [id, audienceText(audience), jobs * DIGEST_LENGTH, digest.slice(0, DIGEST_LENGTH)];
    const sealed = await SEAL.run(this.redis, [keys.broadcast(id), ...sets, keys.audience(id)], args);
    if (read === 0 && sealed === audienceText(audience)) await this.end(id);
    return sealed;
  }

  /** Makes a broadcast that is still `enqueuing` begin as `paused`. */
  async hold(id: string): Promise<void> {
    if ((await this.redis.sismember(this.keys.state('enqueuing'), id)) === 0) return;
    await this.redis.hset(this.keys.broadcast(id), 'held', '1');
  }

  /** The audience, once it is complete. */
  async sealed(id: string): Promise<string | undefined> {
    return (await this.redis.hget(this.keys.broadcast(id), 'sealed')) ?? undefined;
  }

  async #begun(id: string): Promise<'scheduled' | 'running'> {
    const { startAt = 0 } = (await this.plan(id)) ?? {};
    return Date.now() < startAt ? 'scheduled' : 'running';
  }

  /** Ends a broadcast whose jobs are gone, and counts its pending `recipients` as unknown. */
  async lose(id: string, recipients: number): Promise<void> {
    const { redis, keys } = this;
    // Once, even if several processes notice.
    if ((await redis.hsetnx(keys.broadcast(id), 'lost', recipients)) === 0) return;
    await redis.hincrby(keys.broadcast(id), 'unknown', recipients);
    for (const state of ['running', 'cancelling', 'expiring'] as const) {
      await redis.smove(keys.state(state), keys.state('done'), id);
    }
    await this.end(id);
  }

  /** Records the end of a broadcast where SETTLE did not. */
  async end(id: string): Promise<void> {
    const { retentionMs = 0 } = (await this.plan(id)) ?? {};
    const states = ENDED_STATES.map((state) => this.keys.state(state));
    const now = Date.now();
    await END.run(this.redis, [this.keys.ended, this.keys.broadcast(id), ...states], [id, now, now + retentionMs]);
  }

  /** Changes the state if {@link MOVES} allows it; returns the previous state, or undefined if nothing changed. */
  async move(id: string, change: keyof typeof MOVES): Promise<StoredState | undefined> {
    const moves = Object.entries(MOVES[change]) as [StoredState, StoredState | 'begun'][];
    for (const [from, next] of moves) {
      const to = next === 'begun' ? await this.#begun(id) : next;
      if ((await this.redis.smove(this.keys.state(from), this.keys.state(to), id)) === 0) continue;
      // If Redis fails now, a later repair records it.
      if (from === 'enqueuing') await this.end(id).catch(() => undefined);
      if (change === 'reopen') {
        await this.redis.zrem(this.keys.ended, id);
        await this.redis.hdel(this.keys.broadcast(id), 'endedAt');
      }
      return from;
    }
    return undefined;
  }

  /** Ends a reopened broadcast again when there was nothing to resend. */
  async close(id: string, state: StoredState): Promise<void> {
    await this.redis.smove(this.keys.state('paused'), this.keys.state(state), id);
    await this.end(id);
  }

  /** Clears the reason for a pause and the count of consecutive failures. */
  async forgive(id: string): Promise<void> {
    await this.redis.hdel(this.keys.broadcast(id), 'pausedBy', 'inARow', 'held');
  }

  /** Undefined if the id is unknown or has been forgotten. */
  async get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    const keys = [this.keys.broadcast(id), ...STORED_STATES.map((state) => this.keys.state(state))];
    const [fields, isIn] = (await READ.run(this.redis, keys, [id])) as [string[], number[]];
    const state = STORED_STATES.find((_, index) => isIn[index] === 1);
    const known: Record<string, string> = {};
    for (let at = 0; at < fields.length; at += 2) known[String(fields[at])] = String(fields[at + 1]);
    return state === undefined || known['plan'] === undefined ? undefined : broadcastOf(id, state, known);
  }

  async plan(id: string): Promise<BroadcastPlan | undefined> {
    const plan = await this.redis.hget(this.keys.broadcast(id), 'plan');
    return plan === null ? undefined : (JSON.parse(plan) as BroadcastPlan);
  }

  idsIn(state: StoredState): Promise<string[]> {
    return this.redis.smembers(this.keys.state(state));
  }

  /** The jobs that did not succeed, in the order in which they failed; last, those that BullMQ has yet to mark as failed. */
  async *failedJobs(queue: Queue): AsyncGenerator<{ id: string; fields: Record<string, string> }> {
    for (const type of ['failed', 'active', 'waiting', 'prioritized', 'delayed'] as const) {
      for await (const id of jobIdsIn(queue, type)) {
        const fields = await this.redis.hgetall(this.keys.job(queue.name, id));
        if (type === 'failed' || partsOf(fields).size > 0) yield { id, fields };
      }
    }
  }

  /**
   * Discards the given outcomes of a job, so that these recipients are sent to again.
   *
   * @returns the number of these recipients; undefined if the job has none and need not run again
   */
  async reopen(
    id: string,
    jobId: string,
    outcomes: ReadonlySet<string>,
    fields: Record<string, string>,
  ): Promise<number | undefined> {
    const parts = [...partsOf(fields)];
    const again = parts.filter(([, { outcome }]) => outcomes.has(outcome));
    if (again.length === 0) {
      // A missing part means that a process reopened the job before and died before it retried the job.
      const units = (JSON.parse(fields['data'] ?? '[]') as unknown[]).length;
      return parts.reduce((sum, [from, { to }]) => sum + to - from, 0) < units ? 0 : undefined;
    }
    const offset = offsetOf(jobId);
    const args = again.flatMap(([from, { to, outcome }]) => [
      from,
      outcome,
      COUNT_OF[outcome],
      to - from,
      settledBit(String(fields['name']), offset + from),
    ]);
    const keys = [this.keys.job(queueOf(id), jobId), this.keys.broadcast(id), this.keys.settled(id)];
    await REOPEN.run(this.redis, keys, args);
    return again.reduce((sum, [from, { to }]) => sum + to - from, 0);
  }
}

async function* jobIdsIn(queue: Queue, type: JobType): AsyncGenerator<string> {
  for (let start = 0; ; start += PAGE) {
    const ids = await queue.getRanges([type], start, start + PAGE - 1, true);
    yield* ids;
    if (ids.length < PAGE) return;
  }
}

/** How many jobs wait of a broadcast that has `expected` at most; not those of an earlier one with the same id. */
export async function countJobs(queue: Queue, createdAt: number, expected: number): Promise<number> {
  const count = await queue.count();
  if (count <= expected) return count;
  let others = 0;
  for await (const id of jobIdsIn(queue, 'waiting')) if (!isJobOf(createdAt, id)) others += 1;
  // Counted last: a job added meanwhile must not make others seem lost.
  return (await queue.count()) - others;
}

function broadcastOf(id: string, stored: StoredState, fields: Record<string, string>): MimcQueuedBroadcast {
  const plan = JSON.parse(fields['plan'] ?? '{}') as BroadcastPlan;
  const { kind, weight, createdAt, startAt, expiresAt } = plan;
  const count = (field: string) => Number(fields[field] ?? 0);
  const sealed = fields['sealed'];
  const read = sealed === undefined ? count('read') : Number.parseInt(sealed, 10);
  const [accepted, refused, unknown, invalid] = [
    count('accepted'),
    count('refused'),
    count('unknown'),
    count('invalid'),
  ];
  const isOver = ENDED_STATES.includes(stored);
  const rest = read - accepted - refused - unknown - invalid;
  const notSent = isOver ? rest : count('notSent');
  const reason = fields['pausedBy'];
  return {
    id,
    kind,
    state: STATE_OF[stored],
    ended: isOver,
    counts: { read, accepted, refused, notSent, unknown, invalid, pending: rest - notSent },
    ...(reason !== undefined && stored === 'paused' && { pausedBy: JSON.parse(reason) as MimcPauseReason }),
    weight,
    createdAt: new Date(createdAt),
    ...(startAt !== undefined && { startAt: new Date(startAt) }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
    ...(fields['endedAt'] !== undefined && { endedAt: new Date(Number(fields['endedAt'])) }),
  };
}

const STATE_OF: Readonly<Record<StoredState, MimcQueuedState>> = {
  scheduled: 'scheduled',
  enqueuing: 'enqueuing',
  running: 'running',
  paused: 'paused',
  cancelling: 'cancelled',
  cancelled: 'cancelled',
  expiring: 'expired',
  expired: 'expired',
  done: 'done',
};

/** The parts of a job that were not accepted. */
export function failedChunksOf(jobId: string, fields: Record<string, string>): MimcFailedChunk[] {
  if (fields['name'] === 'invalid') {
    const entries = JSON.parse(fields['data'] ?? '[]') as [offset: number, text: string][];
    const [part] = partsOf(fields).values();
    const at = new Date(part?.at ?? 0);
    return entries.map(([offset, text]) => ({ offset, outcome: 'invalid', recipients: [text], at }));
  }
  const recipients = JSON.parse(fields['data'] ?? '[]') as string[];
  const offset = offsetOf(jobId);
  return [...partsOf(fields)].flatMap(
    ([from, { to, outcome, at, attempts, callId, code, message, httpStatus, apiCode }]) =>
      outcome === 'accepted'
        ? []
        : [
            {
              offset: offset + from,
              outcome,
              recipients: recipients.slice(from, to),
              ...(attempts && { attempts }),
              ...(callId && { callId }),
              ...(code && { code }),
              ...(message && { message }),
              ...(httpStatus && { httpStatus }),
              ...(apiCode && { apiCode }),
              at: new Date(at),
            },
          ],
  );
}
