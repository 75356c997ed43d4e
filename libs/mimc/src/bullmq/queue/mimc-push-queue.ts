import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type MimcDelivery,
  MimcError,
  type MimcLane,
  type MimcViolation,
  type PushToAccountDto,
  type PushToAccountsDto,
  type PushToTopicDto,
  type PushToTopicsDto,
} from '../../index.js';
import {
  check,
  IfSet,
  invalid,
  IsIn,
  IsIntFrom,
  notSent,
  type StoredPush,
  type StoredEndpoint,
  violationsOfAudience,
} from '../../internals.js';
import { broken, canonical, isDate } from './request-checks.js';
import { ADD_AGAIN, type NewPush, PushStore } from './push-store.js';
import { answered, type QueueHost, unconfirmed } from './queue-host.js';
import {
  endOf,
  endpointOf,
  type MimcAnyPush,
  type MimcPushJob,
  type MimcQueuedPush,
  type MimcQueuedPushState,
  type PushJobData,
} from './queued-push.js';

/** Pushes added per call. */
const PAGE = 200;

/** The polling interval of `wait()`, in milliseconds. */
const POLL_MS = 200;

class JobRules {
  @IfSet() @IsIn(['at-most-once', 'at-least-once']) delivery?: MimcDelivery;
  @IfSet() @IsIn(['interactive', 'bulk']) priority?: MimcLane;
  @IfSet() @IsIntFrom(1_000, Number.MAX_SAFE_INTEGER) retentionMs?: number;
}

/**
 * Single pushes that survive process crashes: a push is written to Redis as a BullMQ job and sent once, however many
 * processes add it and whichever of them die. The queue waits out trouble that passes by itself (Redis or MIMC unavailable,
 * throttling). A push that may have been sent is reported as `unknown` and, by default, not sent again.
 *
 * @example
 * await pushes.toAccount({ toAccount: 'user-1', msg: 'Your order is on its way' }, { id: `shipped-${order.id}` });
 */
export class MimcPushQueue {
  readonly #store: PushStore;

  /** For the module; applications inject the queue. */
  constructor(private readonly host: QueueHost) {
    this.#store = new PushStore(host);
  }

  /**
   * Stores a push to one account, to be sent once. Resolves when Redis has it.
   *
   * @throws MimcError `MIMC_INVALID` if the push breaks a rule or the id belongs to another push; `MIMC_QUEUE_FULL` if Redis
   * is full; `MIMC_CONNECT` if Redis did not confirm that it has the push, `unknown` if it may have it, as it may then be sent:
   * add it again with the same id
   */
  toAccount(dto: PushToAccountDto, job: MimcPushJob): Promise<MimcQueuedPush> {
    return this.#add('p2p', dto, job);
  }

  /** As {@link toAccount}, to many accounts. */
  toAccounts(dto: PushToAccountsDto, job: MimcPushJob): Promise<MimcQueuedPush> {
    return this.#add('p2p/more', dto, job);
  }

  /** As {@link toAccount}, to a group. */
  toTopic(dto: PushToTopicDto, job: MimcPushJob): Promise<MimcQueuedPush> {
    return this.#add('p2t', dto, job);
  }

  /** As {@link toAccount}, to many groups. */
  toTopics(dto: PushToTopicsDto, job: MimcPushJob): Promise<MimcQueuedPush> {
    return this.#add('p2t/more', dto, job);
  }

  /**
   * Stores many pushes, each with its own id and text, in constant memory. If it is interrupted, add them again: known ones
   * are not sent twice.
   *
   * @throws MimcError as {@link toAccount}, at the first invalid push. Those before it have been added, and up to 199 of
   * those after it may have been added too
   */
  async addAll(
    pushes: AsyncIterable<MimcPushJob & { push: MimcAnyPush }> | Iterable<MimcPushJob & { push: MimcAnyPush }>,
  ): Promise<{ added: number; known: number }> {
    const violations = violationsOfAudience(pushes);
    if (violations.length > 0) throw new MimcError(invalid(violations));
    const sum = { added: 0, known: 0 };
    let page: NewPush[] = [];
    const flush = async () => {
      const full = page;
      // First, so that no page is written twice if that fails.
      page = [];
      const added = await this.#store.write(full, sum.added + sum.known > 0);
      sum.added += added;
      sum.known += full.length - added;
    };
    let index = 0;
    try {
      for await (const { push, ...job } of pushes) {
        if (this.host.closing.aborted) {
          const message = `The application is shutting down; ${sum.added + sum.known} pushes were stored, add all again`;
          throw new MimcError({
            code: 'MIMC_CLOSED',
            outcome: sum.added + sum.known > 0 ? 'unknown' : 'not-sent',
            message,
          });
        }
        page.push(this.#check(endpointOf(push), push, job, `pushes[${index}]`, 'bulk'));
        index += 1;
        if (page.length >= PAGE) await flush();
      }
    } catch (error) {
      if (MimcError.is(error) && error.code === 'MIMC_INVALID') await flush();
      throw error;
    }
    await flush();
    return sum;
  }

  /** The current state of the push; undefined if the id is unknown, or if it ended more than `retentionMs` ago. */
  async get(id: string): Promise<MimcQueuedPush | undefined> {
    const jobId = jobIdOf(id);
    return answered(this.#read(jobId));
  }

  /** Cancels a push: nothing more of it leaves except a request in flight. Returns the push as it is then. */
  async cancel(id: string): Promise<MimcQueuedPush | undefined> {
    await this.#store.cancel(jobIdOf(id));
    return this.get(id);
  }

  /**
   * Waits until the push ends, with whatever outcome. After `timeoutMs`, resolves to the push as it is then.
   *
   * @throws MimcError `MIMC_INVALID` if no push has this id; `MIMC_ABORTED` if the signal aborts
   */
  async wait(
    id: string,
    { signal, timeoutMs = Infinity }: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined } = {},
  ): Promise<MimcQueuedPush> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      if (signal?.aborted || this.host.closing.aborted) throw notSent('MIMC_ABORTED', 'The wait was aborted');
      const push = await this.get(id);
      if (push === undefined)
        throw new MimcError(invalid(broken(false, 'id', 'isKnown', 'does not belong to a queued push')));
      const leftMs = until - performance.now();
      if (push.endedAt !== undefined || leftMs <= 0) return push;
      await sleep(Math.min(POLL_MS, leftMs), undefined, { ...(signal && { signal }) }).catch(() => undefined);
    }
  }

  /** The pushes that were not accepted, in the order in which they ended. Fetched as you iterate. */
  async *failed(): AsyncGenerator<MimcQueuedPush, void, undefined> {
    for (const queue of this.#store.queues) {
      for await (const { fields } of this.host.store.failedJobs(queue)) {
        if (fields['data'] === undefined) continue;
        const push = pushOf(fields, 'failed');
        if (push.state !== 'accepted') yield push;
      }
    }
  }

  async #add(endpoint: StoredEndpoint, dto: unknown, job: MimcPushJob): Promise<MimcQueuedPush> {
    const checked = this.#check(endpoint, dto, job);
    await this.#store.write([checked]);
    const push = await this.host.committed(ADD_AGAIN, () => this.#read(checked.jobId), { isStored: true });
    if (push === undefined) throw unconfirmed(`Redis no longer has the push ${checked.id}; ${ADD_AGAIN}`);
    return push;
  }

  async #read(jobId: string): Promise<MimcQueuedPush | undefined> {
    for (const queue of this.#store.queues) {
      const fields = await this.host.redis.hgetall(this.host.keys.job(queue.name, jobId));
      if (fields['data'] !== undefined) return pushOf(fields, await queue.getJobState(jobId));
    }
    return undefined;
  }

  #check(
    endpoint: StoredEndpoint,
    given: unknown,
    job: MimcPushJob,
    parent = '',
    lane: MimcLane = 'interactive',
  ): NewPush {
    const { id, sendAt, expiresAt, ...rest } = job;
    const isId = isPushId(id);
    const name = (field: string) => (parent === '' ? field : `${parent}.${field}`);
    const violations: MimcViolation[] = [
      ...broken(isId, name('id'), 'isId', ID_MUST),
      ...broken(isDate(sendAt), name('sendAt'), 'isDate', 'must be a valid Date'),
      ...broken(isDate(expiresAt), name('expiresAt'), 'isDate', 'must be a valid Date'),
      ...check(JobRules, rest, parent).violations,
    ];
    if (violations.length > 0) throw new MimcError(invalid(violations));
    const dto = plainPush(named(name('push'), parent !== '', () => this.host.push.checkPush(endpoint, given)));
    const { settings } = this.host;
    const data: PushJobData = {
      id,
      dto,
      digest: createHash('sha256')
        .update(`${endpoint}${canonical(dto)}`)
        .digest('hex'),
      nonce: randomUUID(),
      lane: rest.priority ?? lane,
      delivery: rest.delivery ?? settings.delivery,
      attempts: settings.attempts,
      retentionMs: rest.retentionMs ?? settings.retentionMs,
      sendAt: sendAt?.getTime(),
      expiresAt: expiresAt?.getTime(),
    };
    return { id, jobId: jobIdOf(id), endpoint, data, asked: job };
  }
}

/** UTF-8 cannot encode half of a surrogate pair. */
const HALF_PAIR = /\p{Cs}/u;

const ID_MUST = 'must be a string of 1 to 200 characters of well-formed Unicode';

function isPushId(id: unknown): boolean {
  return typeof id === 'string' && id.length > 0 && id.length <= 200 && !HALF_PAIR.test(id);
}

/** An id that BullMQ accepts: without colons, not a number, and not the name of one of its own keys. */
function jobIdOf(id: string): string {
  if (!isPushId(id)) throw new MimcError(invalid(broken(false, 'id', 'isId', ID_MUST)));
  return `p-${encodeURIComponent(id)}`;
}

/** Prefixes the fields of a push in a list with its position. */
function named<T>(parent: string, isInList: boolean, checked: () => T): T {
  try {
    return checked();
  } catch (error) {
    if (!isInList || !MimcError.is(error) || error.violations === undefined) throw error;
    const violations = error.violations.map(({ field, rule, message }) => {
      return { field: `${parent}.${field}`, rule, message: `${parent}: ${message}` };
    });
    throw new MimcError(invalid(violations));
  }
}

/** With topic ids as text, as JSON numbers would lose digits. */
function plainPush({ topicId, topicIds, ...dto }: StoredPush): StoredPush {
  return {
    ...dto,
    ...(topicId !== undefined && { topicId: String(topicId) }),
    ...(topicIds !== undefined && { topicIds: topicIds.map(String) }),
  };
}

function pushOf(fields: Record<string, string>, bullState: string): MimcQueuedPush {
  const { id, sendAt, expiresAt } = JSON.parse(fields['data'] ?? '{}') as PushJobData;
  const whole = endOf(fields);
  const { receipt, attempts, callId, code, message, httpStatus, apiCode } = whole ?? {};
  const error = { attempts, callId, code, message, httpStatus, apiCode };
  const isBad = whole !== undefined && whole.outcome !== 'accepted' && (code !== undefined || message !== undefined);
  return {
    id,
    state: stateOf(whole?.outcome, bullState, fields['claim'] !== undefined),
    ...(receipt !== undefined && whole?.outcome === 'accepted' && { receipt }),
    ...(isBad && { error: Object.fromEntries(Object.entries(error).filter(([, value]) => value !== undefined)) }),
    addedAt: new Date(Number(fields['timestamp'])),
    ...(sendAt !== undefined && { sendAt: new Date(sendAt) }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
    ...(whole !== undefined && { endedAt: new Date(whole.at) }),
  };
}

function stateOf(outcome: string | undefined, bullState: string, isClaimed: boolean): MimcQueuedPushState {
  if (outcome !== undefined) return outcome as MimcQueuedPushState;
  if (isClaimed) return 'sending';
  return bullState === 'delayed' ? 'scheduled' : 'waiting';
}
