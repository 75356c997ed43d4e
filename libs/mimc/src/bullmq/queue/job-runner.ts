import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { MimcError, type BatchPushReceipt, type MimcDelivery, type MimcLane, type PushReceipt } from '../../index.js';
import {
  type Backoff,
  type Delivered,
  isTransient,
  notSent,
  type StoredPush,
  type StoredEndpoint,
  unexpected,
} from '../../internals.js';
import { failedPart, type Part, partOf, partsOf } from './job-outcome.js';
import { CLAIM, RELEASE, SETTLE } from './queue-scripts.js';
import { kindOf } from './queued-push.js';
import type { RunContext } from './run-context.js';

/** The pause between two attempts to write an outcome to Redis, in milliseconds. */
const PERSIST_MS = 500;

/** What a job sends, and how. */
export interface JobPlan {
  readonly endpoint: StoredEndpoint;
  /** Number of recipients. */
  readonly units: number;
  readonly lane: MimcLane;
  readonly delivery: MimcDelivery;
  /** With at-least-once: how many attempts may go unanswered before the outcome is `unknown`. */
  readonly attempts: number;
  /** Pauses everything that draws on the same quota while transient failures last. */
  readonly backoff: Backoff;
  /** The push to some of the recipients. */
  dto(from: number, to: number): StoredPush;
  /**
   * Waits until this many recipients may be sent to. Returns a function to call after the attempt, or the outcome if they are
   * not to be sent to at all, or undefined if the job is left for later.
   */
  ready(units: number): Promise<(() => void) | Part['outcome'] | undefined>;
  /** Whether the request may still leave, once the quota admits it. */
  mayLeave(): boolean;
  /** Called on a failure that a person must fix. Returns whether to leave the job for later; if not, the run backs off. */
  stop(error: MimcError): Promise<boolean>;
  /** Aborts when the process shuts down or the broadcast stops: waiting ends, requests in flight finish. */
  readonly signal: AbortSignal;
  /** Further keys and arguments of {@link CLAIM} and {@link SETTLE}. */
  readonly claimKeys: readonly string[];
  claimArgs(from: number): readonly (string | number)[];
  readonly settleKeys: readonly string[];
  settleArgs(from: number, part: Part): readonly (string | number)[];
}

/** How a run of a job ends: all of it is settled, it must run again later, or another worker holds it. */
export type RunEnd = { readonly is: 'settled'; readonly parts: readonly Part[] } | { readonly is: 'later' | 'lost' };

/** Why a request may not leave: its window has just closed (`early`), or an answer of {@link CLAIM}. */
type Refusal = 'early' | 'lost' | 'stopped' | 'settled' | 'taken' | 'gone' | 'cancelled';

type Attempt =
  | { readonly is: 'part'; readonly part: Part }
  | { readonly is: 'failed'; readonly error: MimcError }
  | { readonly is: Leave | 'early' };

/** Recipients of a job, by index: from the first one to the second, exclusive. */
type Range = readonly [from: number, to: number];

/** Why a run ends early. `gone`: the job was done before and has been added again. */
type Leave = 'later' | 'lost' | 'gone';

/**
 * Sends a job, in one request if the quota allows, and prevents a second sending: it claims the job after admission and
 * before dispatch, and writes the outcome until Redis confirms it.
 */
export class JobRunner {
  readonly #run = crypto.randomUUID();
  /** How many requests to each part were attempted, over all runs, by the index of its first recipient. */
  readonly #attempts = new Map<number, number>();
  /** The requests, over all runs, that may have been sent but were not answered. Another worker may have split them otherwise. */
  #maybe: readonly Range[] = [];
  /** Parts whose last attempt by this run was not answered. Their claim must stay. */
  readonly #unanswered = new Set<number>();

  /** BullMQ's keys of the job: its hash, and its lock, which holds the token of the worker that has the job. */
  readonly #jobKey: string;
  readonly #lockKey: string;

  constructor(
    private readonly context: RunContext,
    private readonly job: Job,
    private readonly lockToken: string,
    private readonly plan: JobPlan,
  ) {
    const id = String(job.id);
    this.#jobKey = context.keys.job(job.queueName, id);
    this.#lockKey = context.keys.lock(job.queueName, id);
  }

  async run(): Promise<RunEnd> {
    const { units } = this.plan;
    const parts = this.job.attemptsStarted > 1 ? await this.#history() : new Map<number, Part>();
    for (let from = 0; from < units;) {
      const known = parts.get(from);
      const part = known ?? (await this.#settle(from, this.#end(from, parts)));
      if (part === 'gone') return { is: 'settled', parts: [] };
      if (part === 'later' || part === 'lost') return { is: part };
      parts.set(from, part);
      from = part.to;
    }
    return { is: 'settled', parts: [...parts.values()] };
  }

  /** The parts that earlier runs settled. A claim without an outcome means that a request may have been sent. */
  async #history(): Promise<Map<number, Part>> {
    const fields = await this.context.redis.hgetall(this.#jobKey);
    const parts = partsOf(fields);
    for (const [field, count] of Object.entries(fields)) {
      const [name, from] = field.split(':');
      if (name === 'attempts') this.#attempts.set(Number(from), Number(count));
    }
    this.#maybe = rangesIn(fields['maybe'] ?? '');
    const [run, first, to] = (fields['claim'] ?? '').split(':');
    if (run === undefined || first === undefined || to === undefined) return parts;
    const from = Number(first);
    this.#maybe = [...this.#maybe, [from, Number(to)]];
    if (this.#maySendAgain(from)) return parts;
    const message = 'The worker that claimed this request never reported back';
    const attempts = this.#attemptsAt(from);
    const part = partOf(Number(to), 'unknown', { run, givenUp: true, message, attempts });
    if ((await this.#write(from, part)) === 'ok') parts.set(from, part);
    return parts;
  }

  /** The end of the part that begins here: bounded by the quota of one second and by the next known part. */
  #end(from: number, parts: ReadonlyMap<number, Part>): number {
    const { endpoint, units } = this.plan;
    const { unitsPerSecond = Infinity } = this.context.push.status()[kindOf(endpoint)];
    const next = Math.min(units, ...[...parts.keys()].filter((begin) => begin > from));
    return Math.min(next, from + unitsPerSecond);
  }

  async #settle(from: number, to: number): Promise<Part | Leave> {
    const part = await this.#send(from, to);
    // Claimed but not sent: another worker may send it.
    if (part === 'later') await this.#release(from, to);
    if (typeof part === 'string') return part;
    const answer = await this.#write(from, { ...part, run: this.#run });
    if (answer === 'ok') return part;
    // Another run has settled it; the next run finds that outcome.
    return answer === 'gone' ? 'gone' : answer === 'settled' ? 'later' : 'lost';
  }

  /** Sends to some recipients, repeatedly if needed, until there is an outcome. */
  async #send(from: number, to: number): Promise<Part | Leave> {
    const { plan } = this;
    for (;;) {
      const ready = await plan.ready(to - from);
      if (ready === undefined) return 'later';
      if (typeof ready === 'string') return this.#worst(from, partOf(to, ready));
      const { pauses } = plan.backoff;
      const attempt = await this.#attempt(from, to).finally(ready);
      if (attempt.is === 'early') continue;
      if (attempt.is === 'part') return attempt.part;
      if (attempt.is !== 'failed') return attempt.is;
      const { error } = attempt;
      if (error.outcome === 'unknown') {
        this.#maybe = [...this.#maybe, [from, to]];
        this.#unanswered.add(from);
        if (!this.#maySendAgain(from)) return failedPart(to, error, this.#attemptsAt(from));
        // The claim stays; the next run finds it and sends again.
        if (plan.signal.aborted) return 'later';
      } else {
        await this.#release(from, to);
        if (error.code === 'MIMC_CLOSED' || error.code === 'MIMC_ABORTED') return 'later';
        const needsPerson = error.code === 'MIMC_AUTH' || error.code === 'MIMC_CONFIG';
        if (needsPerson && (await plan.stop(error))) return 'later';
        if (!needsPerson && !isTransient(error)) {
          return this.#worst(from, failedPart(to, error, this.#attemptsAt(from)));
        }
      }
      plan.backoff.failed(pauses, error.retryAfterMs ?? 0, () => undefined);
    }
  }

  async #attempt(from: number, to: number): Promise<Attempt> {
    const { plan } = this;
    let refusal: Refusal | undefined;
    const claim = async () => {
      refusal = plan.mayLeave() ? await this.#claim(from, to) : 'early';
      if (refusal !== undefined) throw notSent('MIMC_ABORTED', 'The job may not be sent now');
    };
    try {
      const options = { priority: plan.lane, admissionSignal: plan.signal };
      const delivered = await this.context.push.durable(plan.endpoint, plan.dto(from, to), options, claim);
      plan.backoff.succeeded();
      return {
        is: 'part',
        part: partOf(to, 'accepted', { receipt: this.#receipt(from, delivered) }),
      };
    } catch (thrown) {
      // The next run finds what another run has settled or claimed meanwhile.
      if (refusal === 'cancelled') return { is: 'part', part: this.#worst(from, partOf(to, 'cancelled')) };
      if (refusal === 'lost' || refusal === 'early' || refusal === 'gone') return { is: refusal };
      if (refusal !== undefined) return { is: 'later' };
      return { is: 'failed', error: MimcError.is(thrown) ? thrown : unexpected('The push', thrown) };
    }
  }

  /** Why the request may not leave; undefined if it may. */
  async #claim(from: number, to: number): Promise<Refusal | undefined> {
    const { plan } = this;
    const keys = [this.#jobKey, this.#lockKey, ...plan.claimKeys];
    const mode = plan.delivery === 'at-least-once' ? 1 : 0;
    const unanswered = this.#unanswered.has(from) ? 1 : 0;
    const args = [this.lockToken, this.#run, from, to, mode, unanswered, ...plan.claimArgs(from)];
    const answer = (await CLAIM.run(this.context.redis, keys, args)) as Refusal | [attempts: number, maybe: string];
    if (typeof answer === 'string') return answer;
    this.#attempts.set(from, answer[0]);
    this.#maybe = rangesIn(answer[1]);
    this.#unanswered.delete(from);
    return undefined;
  }

  /** Requests to the part that begins here, including unanswered ones that began before it. */
  #attemptsAt(from: number): number {
    const before = this.#maybe.filter(([begin, to]) => begin < from && from < to).length;
    return before + (this.#attempts.get(from) ?? 0);
  }

  /** How many requests may have been sent to the recipient with this index but were not answered. */
  #unansweredAt(index: number): number {
    return this.#maybe.filter(([from, to]) => from <= index && index < to).length;
  }

  /** Whether a request that may have been sent may be sent again. */
  #maySendAgain(from: number): boolean {
    return this.plan.delivery === 'at-least-once' && this.#unansweredAt(from) < this.plan.attempts;
  }

  /** The worst outcome of all attempts: `unknown` if one of them may have been sent. */
  #worst(from: number, part: Part): Part {
    return this.#unansweredAt(from) > 0 ? { ...part, outcome: 'unknown' } : part;
  }

  #receipt(
    from: number,
    { answer, requested, callId, timing, mayBeDuplicate }: Delivered<readonly string[]>,
  ): PushReceipt | BatchPushReceipt {
    const isDoubtful = mayBeDuplicate || this.#unansweredAt(from) > 0;
    const common = { callId, attempts: this.#attemptsAt(from), timing, mayBeDuplicate: isDoubtful };
    if (this.plan.endpoint.endsWith('more')) return { packetIds: answer, requested, ...common };
    return { packetId: String(answer[0]), ...common };
  }

  async #release(from: number, to: number): Promise<void> {
    if (this.#unanswered.has(from)) return;
    await this.#persist(() => RELEASE.run(this.context.redis, [this.#jobKey], [this.#run, from, to]));
  }

  #write(from: number, part: Part): Promise<unknown> {
    const { plan } = this;
    const keys = [this.#jobKey, this.#lockKey, ...plan.settleKeys];
    const args = [this.lockToken, this.#run, from, JSON.stringify(part, wellFormed), ...plan.settleArgs(from, part)];
    return this.#persist(() => SETTLE.run(this.context.redis, keys, args));
  }

  /** Repeats a write until Redis confirms it, whatever errors it answers with. */
  async #persist(write: () => Promise<unknown>): Promise<unknown> {
    const { giveUp } = this.context;
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (giveUp.aborted) throw error;
        await sleep(PERSIST_MS, undefined, { signal: giveUp }).catch(() => undefined);
      }
    }
  }
}

/** Redis cannot decode JSON with half of a surrogate pair, which an answer of MIMC may hold. */
function wellFormed(_field: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\p{Cs}/gu, '\ufffd') : value;
}

/** The ranges that the field `maybe` of a job lists. */
function rangesIn(maybe: string): Range[] {
  return Array.from(maybe.matchAll(/(\d+):(\d+)/g), ([, from, to]) => [Number(from), Number(to)] as const);
}
