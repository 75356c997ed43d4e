import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import {
  MimcError,
  type BatchPushReceipt,
  type MimcDelivery,
  type MimcLane,
  type MimcPushService,
  type MimcQuotaKind,
  type PushReceipt,
} from '../../index.js';
import {
  type Delivered,
  isTransient,
  notSent,
  type StoredPush,
  type StoredEndpoint,
  unexpected,
} from '../../internals.js';
import { failedPart, type Part, partOf, partsOf } from './job-outcome.js';
import { CLAIM, RELEASE, SETTLE } from './queue-scripts.js';

/** The pause between two tries to write an outcome to Redis, in milliseconds. */
const PERSIST_MS = 500;

/** What a job is to send, and what is done about it besides. */
export interface JobPlan {
  /** BullMQ's hash and lock of the job. */
  readonly jobKey: string;
  readonly lockKey: string;
  /** Holds while the worker has the job. */
  readonly lockToken: string;
  /** Whether a worker may have begun it before. */
  readonly hasHistory: boolean;
  readonly endpoint: StoredEndpoint;
  /** The quota that it draws on. */
  readonly kind: MimcQuotaKind;
  /** Recipients. */
  readonly units: number;
  readonly lane: MimcLane;
  readonly delivery: MimcDelivery;
  readonly attempts: number;
  /** The push to some of the recipients. */
  dto(from: number, to: number): StoredPush;
  /**
   * Waits until recipients may be sent to; what it returns is called when they were. Or why they never will be.
   * Undefined when the job is to be left for later.
   */
  ready(units: number): Promise<(() => void) | Part['outcome'] | undefined>;
  /** Whether they still may, when it is their turn. */
  mayLeave(): boolean;
  /** An attempt brought MIMC's consent, or met trouble that passes by itself. */
  succeeded(): void;
  backOff(error: MimcError): void;
  /** Trouble that a person must fix. Returns whether to leave the job for later; otherwise it backs off. */
  stop(error: MimcError): Promise<boolean>;
  /** Ends waiting for quota: the process shuts down, or the broadcast pauses. Requests in flight finish. */
  readonly signal: AbortSignal;
  /** For {@link CLAIM} and {@link SETTLE}: further keys, and arguments that follow the others. */
  readonly claimKeys: readonly string[];
  claimArgs(from: number): readonly (string | number)[];
  readonly settleKeys: readonly string[];
  settleArgs(from: number, part: Part): readonly (string | number)[];
}

/** What a run of a job came to: all of it is settled, or somebody is to run it again, or somebody else has it. */
export type RunEnd = { readonly is: 'settled'; readonly parts: readonly Part[] } | { readonly is: 'later' | 'lost' };

/** Why a job may not be sent: its window closed just now, or what {@link CLAIM} says. */
type Refusal = 'early' | 'lost' | 'stopped' | 'settled' | 'taken' | 'gone' | 'cancelled';

type Attempt =
  | { readonly is: 'part'; readonly part: Part }
  | { readonly is: 'failed'; readonly error: MimcError }
  | { readonly is: Leave | 'early' };

/** Why a run ends early: as it says, or the job was done before and has come again. */
type Leave = 'later' | 'lost' | 'gone';

/**
 * Sends what a job holds, in one request where the quota allows, and sees to it that nobody sends it twice: it claims the
 * job after admission and before dispatch, and writes down what came of it until Redis has it.
 */
export class JobRunner {
  readonly #run = crypto.randomUUID();
  /** Recipients of whom an earlier attempt may have been sent, by the first of them. */
  readonly #maybe = new Set<number>();
  /** Those of whom this run does not know it, so that its claim stays. */
  readonly #unanswered = new Set<number>();

  constructor(
    private readonly push: MimcPushService,
    private readonly redis: Redis | Cluster,
    private readonly plan: JobPlan,
    /** Aborts when the process does not wait for Redis any longer. */
    private readonly giveUp: AbortSignal,
  ) {}

  async run(): Promise<RunEnd> {
    const { units, hasHistory } = this.plan;
    const parts = hasHistory ? await this.#history() : new Map<number, Part>();
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

  /** What earlier runs left; what they were about to send and did not report may have been sent. */
  async #history(): Promise<Map<number, Part>> {
    const fields = await this.redis.hgetall(this.plan.jobKey);
    const parts = partsOf(fields);
    for (const field of Object.keys(fields)) if (field.startsWith('maybe:')) this.#maybe.add(Number(field.slice(6)));
    const [run, from, to] = (fields['claim'] ?? '').split(':');
    if (run === undefined || from === undefined || to === undefined) return parts;
    this.#maybe.add(Number(from));
    if (this.plan.delivery === 'at-least-once') return parts;
    const message = 'The worker that claimed this request never reported back';
    const part = partOf(Number(to), 'unknown', { run, givenUp: true, message });
    if ((await this.#write(Number(from), part)) === 'ok') parts.set(Number(from), part);
    return parts;
  }

  /** Where the part ends that begins here: as far as one request may go, or another part begins. */
  #end(from: number, parts: ReadonlyMap<number, Part>): number {
    const { kind, units } = this.plan;
    const { unitsPerSecond = Infinity } = this.push.status()[kind];
    const next = Math.min(units, ...[...parts.keys()].filter((begin) => begin > from));
    return Math.min(next, from + unitsPerSecond);
  }

  async #settle(from: number, to: number): Promise<Part | Leave> {
    const part = await this.#send(from, to);
    // What was claimed and then not sent is for somebody else.
    if (part === 'later' && !this.#unanswered.has(from)) await this.#release(from, to);
    if (typeof part === 'string') return part;
    const answer = await this.#write(from, { ...part, run: this.#run });
    if (answer === 'ok') return part;
    // Settled by another run: the next one finds it.
    return answer === 'gone' ? 'gone' : answer === 'settled' ? 'later' : 'lost';
  }

  /** Sends to some recipients until it is known what came of it. */
  async #send(from: number, to: number): Promise<Part | Leave> {
    const { plan } = this;
    for (let sent = 1; ;) {
      const ready = await plan.ready(to - from);
      if (ready === undefined) return 'later';
      if (typeof ready === 'string') return this.#worst(from, partOf(to, ready));
      const attempt = await this.#attempt(from, to).finally(ready);
      if (attempt.is === 'early') continue;
      if (attempt.is === 'part') return attempt.part;
      if (attempt.is !== 'failed') return attempt.is;
      const { error } = attempt;
      if (error.outcome === 'unknown') {
        this.#maybe.add(from);
        this.#unanswered.add(from);
        if (plan.delivery === 'at-most-once' || sent >= plan.attempts) return failedPart(to, error);
        // The next run finds the claim, which stays, and sends again.
        if (plan.signal.aborted) return 'later';
        sent += 1;
        plan.backOff(error);
      } else {
        await this.#release(from, to);
        if (error.code === 'MIMC_CLOSED' || error.code === 'MIMC_ABORTED') return 'later';
        const needsPerson = error.code === 'MIMC_AUTH' || error.code === 'MIMC_CONFIG';
        if (needsPerson && (await plan.stop(error))) return 'later';
        if (!needsPerson && !isTransient(error)) return this.#worst(from, failedPart(to, error));
        plan.backOff(error);
      }
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
      const delivered = await this.push.durable(plan.endpoint, plan.dto(from, to), options, claim);
      plan.succeeded();
      return {
        is: 'part',
        part: partOf(to, 'accepted', { receipt: receiptOf(plan, delivered, this.#maybe.has(from)) }),
      };
    } catch (thrown) {
      // What was settled or claimed meanwhile is found by the next run.
      if (refusal === 'cancelled') return { is: 'part', part: this.#worst(from, partOf(to, 'cancelled')) };
      if (refusal === 'lost' || refusal === 'early' || refusal === 'gone') return { is: refusal };
      if (refusal !== undefined) return { is: 'later' };
      return { is: 'failed', error: MimcError.is(thrown) ? thrown : unexpected('The push', thrown) };
    }
  }

  /** Why the job may not be sent, if it may not. */
  async #claim(from: number, to: number): Promise<Refusal | undefined> {
    const { jobKey, lockKey, lockToken, delivery, claimKeys } = this.plan;
    const keys = [jobKey, lockKey, ...claimKeys];
    const mode = delivery === 'at-least-once' ? 1 : 0;
    const maybe = this.#maybe.has(from) ? 1 : 0;
    const args = [lockToken, this.#run, from, to, mode, maybe, ...this.plan.claimArgs(from)];
    const answer = await CLAIM.run(this.redis, keys, args);
    if (answer === 'again') this.#maybe.add(from);
    return answer === 'granted' || answer === 'again' ? undefined : (answer as Refusal);
  }

  /** The worst of all attempts: nothing is made of one that may have been sent. */
  #worst(from: number, part: Part): Part {
    return this.#maybe.has(from) ? { ...part, outcome: 'unknown' } : part;
  }

  async #release(from: number, to: number): Promise<void> {
    await this.#persist(() => RELEASE.run(this.redis, [this.plan.jobKey], [this.#run, from, to]));
  }

  #write(from: number, part: Part): Promise<unknown> {
    const { jobKey, lockKey, lockToken, settleKeys } = this.plan;
    const args = [lockToken, this.#run, from, JSON.stringify(part), ...this.plan.settleArgs(from, part)];
    return this.#persist(() => SETTLE.run(this.redis, [jobKey, lockKey, ...settleKeys], args));
  }

  /** Tells Redis something until it has it, whatever it answers meanwhile. */
  async #persist(write: () => Promise<unknown>): Promise<unknown> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (this.giveUp.aborted) throw error;
        await sleep(PERSIST_MS, undefined, { signal: this.giveUp }).catch(() => undefined);
      }
    }
  }
}

function receiptOf(
  { endpoint }: JobPlan,
  { answer, requested, callId, attempts, timing, mayBeDuplicate }: Delivered<readonly string[]>,
  isRepeated: boolean,
): PushReceipt | BatchPushReceipt {
  const common = { callId, attempts, timing, mayBeDuplicate: mayBeDuplicate || isRepeated };
  if (endpoint.endsWith('more')) return { packetIds: answer, requested, ...common };
  return { packetId: String(answer[0]), ...common };
}
