import { setTimeout as sleep } from 'node:timers/promises';
import { type MimcBroadcastMessage, MimcError, type MimcOutcome } from '../../index.js';
import {
  check,
  defaultChunkSize,
  IfSet,
  invalid,
  IsIntFrom,
  notSent,
  violationsOfAudience,
  withDefaults,
} from '../../internals.js';
import type { Job } from 'bullmq';
import { audienceText, isJobOf, type JobBatch, refuseIfFull, writeAudience } from './audience-jobs.js';
import { countJobs, failedChunksOf } from './broadcast-store.js';
import { answered, type QueueHost, unconfirmed } from './queue-host.js';
import { queueOf, STORED_STATES } from './queue-keys.js';
import { DefaultsRules } from './queue-options.js';
import type {
  BroadcastPlan,
  MimcBroadcastRequest,
  MimcFailedChunk,
  MimcQueuedBroadcast,
  MimcQueuedState,
} from './queued-broadcast.js';
import { broken, canonical, isDate, refuseOtherOptions } from './request-checks.js';
import { windowProblem } from './send-window.js';

const ID = /^[\w.~-]{1,100}$/;

class RequestRules extends DefaultsRules {
  @IfSet() @IsIntFrom(1, 100) weight?: number;
}

/**
 * Broadcasts that survive process crashes: an audience is written to Redis as BullMQ jobs, one per request, and workers in
 * any number of processes send them.
 *
 * Delivery is at-most-once by default, over crashes too: right before a request leaves, its worker claims the job in Redis,
 * and a claim is granted only once. If a worker dies and leaves a claim without an outcome, the request is reported as
 * `unknown` and not sent again (with `delivery: 'at-least-once'` it is). The queue waits out trouble that passes by itself:
 * Redis or MIMC unavailable, throttling.
 *
 * Nothing is sent before the whole audience is in Redis. If a producer dies, enqueue the same audience under the same id again.
 *
 * This holds as long as Redis keeps every write: with `appendonly yes`, `appendfsync always` and `maxmemory-policy
 * noeviction`, and without a failover. A failover may lose the last writes, and a lost claim lets a request be sent twice.
 *
 * Redis holds the message and the recipients, but no credentials.
 *
 * @example
 * await broadcasts.enqueue({ id: 'spring-sale', message: { msg: 'hello' }, audience: readAccounts() });
 */
export class MimcBroadcastQueue {
  /** For the module; applications inject the queue. */
  constructor(private readonly host: QueueHost) {}

  /**
   * Resolves when Redis answers, for use in a readiness probe.
   *
   * @param withinMs the time limit, in milliseconds; default 1,000
   * @throws MimcError `MIMC_CONNECT`, `not-sent`, if it does not answer in time
   */
  ping(withinMs = 1_000): Promise<void> {
    return this.host.ping(withinMs);
  }

  /**
   * Writes an audience to Redis in constant memory, and resolves when all of it is there; then sending begins. If it is
   * interrupted, enqueue it again: recipients already in Redis are not added twice. If the broadcast is complete already, the
   * audience is only read and compared with the stored one.
   *
   * @throws MimcError `MIMC_INVALID` if the request breaks a rule, or the id belongs to another message or audience;
   * `MIMC_QUEUE_FULL` if Redis is nearly full; `MIMC_CONNECT` if Redis cannot be reached; `MIMC_CLOSED` if the application
   * shuts down first. Nothing was sent then, and nothing will be, unless the outcome is `unknown`: Redis did not confirm that
   * the audience is complete. Errors thrown by the audience pass through.
   */
  async enqueue(request: MimcBroadcastRequest): Promise<MimcQueuedBroadcast> {
    const { id, audience } = request;
    const { store } = this.host;
    const wanted = this.#check(request);
    const begun = await answered(store.begin(id, wanted));
    if (begun === undefined) throw notSent('MIMC_CONNECT', `${id} is being deleted after its retention; try again`);
    const { plan, sealed } = begun;
    if (plan.kind !== wanted.kind || !isSameMessage(plan.message, wanted.message)) throw otherOne(id, 'message');
    const { weight, window, delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures } = plan;
    const options = { weight, window, delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures };
    refuseOtherOptions(id, 'enqueued', request, options);
    const again = `enqueue ${id} again`;
    let isOpen = sealed === undefined;
    if (isOpen) {
      const before = await this.get(id);
      if (before?.state === 'cancelled') return before;
    }
    const read = await writeAudience(plan, audience, async (batch) => {
      if (!isOpen) return;
      if (this.host.closing.aborted) throw closed(id);
      isOpen = await this.#add(id, batch);
    });
    const there = isOpen
      ? await answered(countJobs(this.host.queue(queueOf(id)), plan.createdAt, read.jobs))
      : read.jobs;
    // If another producer has completed it meanwhile, jobs may be missing because they were sent.
    if (there < read.jobs && (await answered(store.sealed(id))) === undefined) throw lost(id);
    // From here on it may be sent.
    const audienceOfId = await this.host.committed(again, () => store.seal(id, read), { isStored: !isOpen });
    if (audienceOfId === 'cancelled') throw cancelled(id);
    if (audienceOfId !== audienceText(read)) throw otherOne(id, 'audience');
    this.host.look();
    const broadcast = await this.host.committed(again, () => store.get(id), { isStored: true });
    if (broadcast === undefined) throw unconfirmed(`Redis no longer has the broadcast ${id}; ${again}`);
    return broadcast;
  }

  /** The current state of the broadcast; undefined if the id is unknown, or if it ended more than `retentionMs` ago. */
  get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return answered(this.host.store.get(id));
  }

  /** All known broadcasts, or those in one state, the latest first. */
  async list({ state }: { state?: MimcQueuedState | undefined } = {}): Promise<MimcQueuedBroadcast[]> {
    const ids = new Set<string>();
    for (const stored of STORED_STATES) for (const id of await answered(this.host.store.idsIn(stored))) ids.add(id);
    const found: MimcQueuedBroadcast[] = [];
    for (const id of ids) {
      const broadcast = await this.get(id);
      if (broadcast !== undefined && (state === undefined || broadcast.state === state)) found.push(broadcast);
    }
    return found.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  /** Pauses a broadcast. Once this resolves, nothing more leaves except requests in flight. Works on a full Redis too. */
  async pause(id: string): Promise<MimcQueuedBroadcast | undefined> {
    await answered(this.host.store.hold(id));
    await answered(this.host.store.move(id, 'pause'));
    this.host.halt(id);
    return this.get(id);
  }

  /** Continues a paused broadcast, whatever paused it. */
  async resume(id: string): Promise<MimcQueuedBroadcast | undefined> {
    await answered(this.host.store.forgive(id));
    const again = `resume ${id} again`;
    await this.host.committed(again, () => this.host.store.move(id, 'resume'));
    this.host.look();
    return this.host.committed(again, () => this.host.store.get(id), { isStored: true });
  }

  /**
   * Ends a broadcast. Once this resolves, nothing more leaves except requests in flight. All other recipients are reported as
   * `cancelled`, which counts as not sent. Works on a full Redis too.
   */
  async cancel(id: string): Promise<MimcQueuedBroadcast | undefined> {
    const from = await answered(this.host.store.move(id, 'cancel'));
    this.host.halt(id);
    this.host.look();
    // Nothing was sent, and nothing will be.
    if (from === 'enqueuing') {
      // A full Redis rejects this; the jobs are then removed with the broadcast.
      await this.host
        .queue(queueOf(id))
        .obliterate({ force: true })
        .catch(() => undefined);
    }
    return this.get(id);
  }

  /**
   * Sends again to recipients with these outcomes, if the broadcast has ended or is paused; a paused one sends after
   * `resume()`. Recipients with the outcome `unknown` may get the message twice.
   *
   * @returns the number of these recipients
   * @throws MimcError `MIMC_INVALID` if its `expiresAt` has passed, as nothing could be sent any more
   */
  async resend(id: string, outcomes: readonly (MimcOutcome | 'cancelled' | 'expired')[]): Promise<number> {
    const { store } = this.host;
    const before = await this.get(id);
    if (before === undefined || !(before.ended || before.state === 'paused')) return 0;
    const { expiresAt } = before;
    if (expiresAt !== undefined && expiresAt.getTime() <= Date.now()) {
      const must = `is of a broadcast that expired at ${expiresAt.toISOString()}; enqueue its recipients under another id`;
      throw new MimcError(invalid(broken(false, 'id', 'isNotExpired', must)));
    }
    // Paused meanwhile, so that it cannot end before all jobs are reopened. A crash here leaves it paused.
    const from = await answered(store.move(id, 'reopen'));
    if (from === undefined && before.ended) return 0;
    const queue = this.host.queue(queueOf(id));
    const again: string[] = [];
    let recipients = 0;
    for await (const { id: jobId, fields } of store.failedJobs(queue)) {
      if (!isJobOf(before.createdAt.getTime(), jobId)) continue;
      const reopened = await answered(store.reopen(id, jobId, new Set<string>(outcomes), fields));
      if (reopened === undefined) continue;
      again.push(jobId);
      recipients += reopened;
    }
    for (const jobId of again) {
      const job = await answered(queue.getJob(jobId));
      if (job !== undefined) await answered(retried(job));
    }
    if (from !== undefined) {
      await answered(store.forgive(id));
      if (again.length > 0) await this.host.committed(`resume ${id}`, () => store.move(id, 'resume'));
      else await answered(store.close(id, from));
    }
    this.host.look();
    return recipients;
  }

  /** The recipients who did not get the message, or may not have got it, in the order in which that became known. */
  async *failedChunks(id: string): AsyncGenerator<MimcFailedChunk, void, undefined> {
    const broadcast = await this.get(id);
    if (broadcast === undefined) return;
    for await (const { id: jobId, fields } of this.host.store.failedJobs(this.host.queue(queueOf(id)))) {
      if (isJobOf(broadcast.createdAt.getTime(), jobId)) yield* failedChunksOf(jobId, fields);
    }
  }

  /**
   * Yields the broadcast now and after each change, until it ends.
   *
   * @param intervalMs the polling interval, in milliseconds; default 500
   */
  async *watch(
    id: string,
    { intervalMs = 500, signal }: { intervalMs?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<MimcQueuedBroadcast, void, undefined> {
    const stop = AbortSignal.any([this.host.closing, ...(signal === undefined ? [] : [signal])]);
    let last = '';
    while (!stop.aborted) {
      const broadcast = await this.get(id);
      if (broadcast === undefined) return;
      const seen = JSON.stringify(broadcast);
      if (seen !== last) yield broadcast;
      if (broadcast.ended) return;
      last = seen;
      await sleep(intervalMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
    }
  }

  /** Adds jobs unless another producer has completed the audience; returns whether it added them. */
  async #add(id: string, batch: JobBatch): Promise<boolean> {
    const { redis, store } = this.host;
    await refuseIfFull(redis);
    const answer = await answered(store.record(id, batch));
    if (answer === 'sealed') return false;
    if (answer === 'cancelled') throw cancelled(id);
    if (answer === 'lost') throw lost(id);
    if (answer === 'other') throw otherOne(id, 'audience');
    await answered(this.host.queue(queueOf(id)).addBulk(batch.jobs));
    return true;
  }

  #check(request: MimcBroadcastRequest): BroadcastPlan {
    const { id, kind = 'accounts', message, audience, startAt, expiresAt, window, weight, ...given } = request;
    const { push, settings } = this.host;
    const isKind = kind === 'accounts' || kind === 'topics';
    const { unitsPerSecond } = push.status()[isKind ? kind : 'accounts'];
    const { delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures } = withDefaults(settings, given);
    const size = chunkSize ?? defaultChunkSize(isKind ? kind : 'accounts', unitsPerSecond);
    const problem = window === undefined ? undefined : windowProblem(window);
    const checked = push.checkMessage(message, [
      ...broken(typeof id === 'string' && ID.test(id), 'id', 'isId', 'must be 1 to 100 letters, digits and -._~'),
      ...broken(isKind, 'kind', 'isIn', 'must be accounts or topics'),
      ...check(RequestRules, { ...given, ...(weight !== undefined && { weight }) }).violations,
      ...broken(isDate(startAt), 'startAt', 'isDate', 'must be a valid Date'),
      ...broken(isDate(expiresAt), 'expiresAt', 'isDate', 'must be a valid Date'),
      ...broken(problem === undefined, 'window', 'isWindow', problem ?? ''),
      ...broken(
        size <= (unitsPerSecond ?? Infinity),
        'chunkSize',
        'quota',
        `must not exceed ${unitsPerSecond}, the quota of a second`,
      ),
      ...violationsOfAudience(audience),
    ]);
    return {
      kind,
      message: push.withSender(checked),
      chunkSize: size,
      weight: weight ?? 1,
      delivery,
      attempts,
      retentionMs,
      stopAfterConsecutiveFailures,
      createdAt: Date.now(),
      startAt: startAt?.getTime(),
      expiresAt: expiresAt?.getTime(),
      window,
    };
  }
}

/** Retries a failed job. One that is no longer failed runs again by itself. */
async function retried(job: Job): Promise<void> {
  try {
    await job.retry('failed');
  } catch (error) {
    if (await job.isFailed()) throw error;
  }
}

function isSameMessage(one: MimcBroadcastMessage, other: MimcBroadcastMessage): boolean {
  return canonical(one) === canonical(other);
}

function otherOne(id: string, what: 'message' | 'audience'): MimcError {
  const field = what === 'message' ? 'id' : 'audience';
  const message = `${field} does not match: ${id} was enqueued with another ${what}; use another id`;
  return new MimcError(invalid([{ field, rule: `same${what === 'message' ? 'Message' : 'Audience'}`, message }]));
}

function lost(id: string): MimcError {
  return notSent('MIMC_CONNECT', `Redis lost a part of the audience of ${id}; enqueue it again`);
}

function cancelled(id: string): MimcError {
  return notSent('MIMC_ABORTED', `The broadcast ${id} was cancelled while its audience was being enqueued`);
}

function closed(id: string): MimcError {
  return notSent(
    'MIMC_CLOSED',
    `The application is shutting down and the audience of ${id} is incomplete; enqueue it again`,
  );
}
