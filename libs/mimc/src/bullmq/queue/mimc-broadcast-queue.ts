import { setTimeout as sleep } from 'node:timers/promises';
import { type MimcBroadcastMessage, MimcError, type MimcOutcome } from '../../index.js';
import { check, defaultChunkSize, IfSet, invalid, IsIntFrom, notSent, violationsOfAudience } from '../../internals.js';
import type { Job } from 'bullmq';
import { audienceText, type JobBatch, refuseIfFull, writeAudience } from './audience-jobs.js';
import { failedChunksOf } from './broadcast-store.js';
import { answered, type QueueHost } from './queue-host.js';
import { queueOf, STORED_STATES } from './queue-keys.js';
import { DefaultsRules, messageSettings } from './queue-options.js';
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
 * Broadcasts that outlive processes: an audience is written to Redis as jobs of BullMQ, one for each request, and workers in
 * any number of processes send them.
 *
 * Delivery is at-most-once by default, over crashes too: right before a request leaves, its worker claims the job in Redis,
 * which is granted once. A claim without an outcome, left by a worker that died, is reported as `unknown` and not sent again
 * (with `delivery: 'at-least-once'` it is). What passes by itself (Redis or MIMC away, throttling) is waited for.
 *
 * Nothing is sent before the whole audience is known. Producers may die too: enqueue the same audience under the same id again.
 *
 * This holds as long as Redis keeps what it was told: with `appendonly yes`, `appendfsync always`, `maxmemory-policy
 * noeviction`, and without a failover, which may lose the last writes: a lost claim lets a request be sent twice.
 *
 * Redis holds the message and the recipients, and no credential.
 *
 * @example
 * await broadcasts.enqueue({ id: 'spring-sale', message: { msg: 'hello' }, audience: readAccounts() });
 */
export class MimcBroadcastQueue {
  /** For the module; applications inject the queue. */
  constructor(private readonly host: QueueHost) {}

  /**
   * Resolves when Redis answers: for a readiness probe.
   *
   * @param withinMs how long it may take, in milliseconds; default 1,000
   * @throws MimcError `MIMC_CONNECT`, `not-sent`, when it does not
   */
  ping(withinMs = 1_000): Promise<void> {
    return this.host.ping(withinMs);
  }

  /**
   * Writes an audience to Redis in flat memory, and resolves when all of it is there: then it may be sent to. Where it was
   * interrupted, enqueue it again: what is there already is not written twice. A broadcast whose audience is complete is left
   * as it is, once the audience has been read and found to be the same.
   *
   * @throws MimcError `MIMC_INVALID` when something of the request breaks a rule, or this id means another message or
   * audience; `MIMC_QUEUE_FULL` when Redis is nearly full; `MIMC_CONNECT` when it cannot be reached; `MIMC_CLOSED` when the
   * application shuts down before the end. Nothing was sent then. What the audience throws comes through.
   */
  async enqueue(request: MimcBroadcastRequest): Promise<MimcQueuedBroadcast> {
    const { id, audience } = request;
    const { store } = this.host;
    const wanted = this.#check(request);
    if (await answered(store.isLeaving(id)))
      throw notSent('MIMC_CONNECT', `${id} is being deleted after its retention; try again`);
    const { plan, sealed } = await answered(store.begin(id, wanted));
    if (plan.kind !== wanted.kind || !isSameMessage(plan.message, wanted.message)) throw otherOne(id, 'message');
    const { weight, window, delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures } = plan;
    const options = { weight, window, delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures };
    refuseOtherOptions(id, 'enqueued', request, options);
    const before = await this.get(id);
    if (sealed === undefined && before?.state === 'cancelled') return before;
    let isOpen = sealed === undefined;
    const read = await writeAudience(plan, audience, async (batch) => {
      if (this.host.closing.aborted) throw closed(id);
      if (isOpen) isOpen = await this.#add(id, batch);
    });
    const there = isOpen ? await answered(this.host.queue(queueOf(id)).count()) : read.jobs;
    // Unless another producer completed it meanwhile, nothing has been sent yet.
    if (there < read.jobs && (await answered(store.sealed(id))) === undefined) throw lost(id);
    const audienceOfId = await answered(store.seal(id, read));
    if (audienceOfId === 'cancelled') throw cancelled(id);
    if (audienceOfId !== audienceText(read)) throw otherOne(id, 'audience');
    this.host.look();
    const broadcast = await this.get(id);
    if (broadcast === undefined) throw notSent('MIMC_CONNECT', `Redis lost the broadcast ${id}; enqueue it again`);
    return broadcast;
  }

  /** The broadcast as it is now; undefined when there is none, or `retentionMs` have passed since its end. */
  get(id: string): Promise<MimcQueuedBroadcast | undefined> {
    return answered(this.host.store.get(id));
  }

  /** All broadcasts that are remembered, or those in one state; the latest first. */
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

  /** After this nothing more leaves until it is resumed, save requests in flight. Even a Redis that is full does it. */
  async pause(id: string): Promise<MimcQueuedBroadcast | undefined> {
    await answered(this.host.store.hold(id));
    await answered(this.host.store.move(id, 'pause'));
    this.host.halt(id);
    return this.get(id);
  }

  /** Continues with a broadcast that was paused for any reason. */
  async resume(id: string): Promise<MimcQueuedBroadcast | undefined> {
    await answered(this.host.store.forgive(id));
    await answered(this.host.store.move(id, 'resume'));
    this.host.look();
    return this.get(id);
  }

  /**
   * Ends a broadcast: after this nothing more leaves, save requests in flight, and all others are reported as `cancelled`,
   * which counts as not sent. Even a Redis that is full does it.
   */
  async cancel(id: string): Promise<MimcQueuedBroadcast | undefined> {
    const from = await answered(this.host.store.move(id, 'cancel'));
    this.host.halt(id);
    this.host.look();
    // Nobody was sent to, and nobody will be.
    if (from === 'enqueuing') {
      // A Redis that is full does not do that; they go when the broadcast is forgotten.
      await this.host
        .queue(queueOf(id))
        .obliterate({ force: true })
        .catch(() => undefined);
    }
    return this.get(id);
  }

  /**
   * Sends again to those of whom the outcome is one of these, when the broadcast has ended or is paused; a paused one stays
   * so until it is resumed. `unknown` among them may get the
   * message twice.
   *
   * @returns how many those are
   * @throws MimcError `MIMC_INVALID` when its `expiresAt` has passed, as nothing could be sent any more
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
    // Paused meanwhile, so that nothing of it ends before all of it is reopened. A crash here leaves it paused.
    const from = await answered(store.move(id, 'reopen'));
    if (from === undefined && before.ended) return 0;
    const queue = this.host.queue(queueOf(id));
    const again: string[] = [];
    let recipients = 0;
    for await (const { id: jobId, fields } of store.failedJobs(queue)) {
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
      if (again.length > 0) await answered(store.move(id, 'resume'));
      else await answered(store.close(id, from));
    }
    this.host.look();
    return recipients;
  }

  /** The recipients who did not, or may not have got the message, in the order in which that became known. */
  async *failedChunks(id: string): AsyncGenerator<MimcFailedChunk, void, undefined> {
    if ((await this.get(id)) === undefined) return;
    for await (const { id: jobId, fields } of this.host.store.failedJobs(this.host.queue(queueOf(id)))) {
      yield* failedChunksOf(jobId, fields);
    }
  }

  /**
   * The broadcast whenever something about it has changed, now and until it has ended.
   *
   * @param intervalMs how often to look, in milliseconds; default 500
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

  /** Adds jobs, unless another producer has completed the audience; returns whether it did. */
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
    const { delivery, attempts, retentionMs, chunkSize, stopAfterConsecutiveFailures } = messageSettings(
      given,
      settings,
    );
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

/** One that is not among the failed any more runs again by itself. */
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
