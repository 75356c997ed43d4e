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
  /** With at-least-once: how many attempts may go unanswered. */
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

/** The attempts at one part, in all runs of the job. */
interface Tries {
  readonly attempts: number;
  /** Those that may have been sent. */
  readonly unanswered: number;
}

/** Why a run ends early: as it says, or the job was done before and has come again. */
type Leave = 'later' | 'lost' | 'gone';

/**
 * Sends what a job holds, in one request where the quota allows, and sees to it that nobody sends it twice: it claims the
 * job after admission and before dispatch, and writes down what came of it until Redis has it.
 */
export class JobRunner {
  readonly #run = crypto.randomUUID();
  /** The attempts at each part so far, in all runs, by the first recipient. */
  readonly #tries = new Map<number, Tries>();
  /** Parts whose claim by this run stands for an attempt that was not answered, so that it stays. */
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
    for (const field of Object.keys(fields)) {
      const [name, from] = field.split(':');
      if (name === 'attempts' || name === 'maybe') this.#tries.set(Number(from), triesIn(fields, Number(from)));
    }
    const [run, first, to] = (fields['claim'] ?? '').split(':');
    if (run === undefined || first === undefined || to === undefined) return parts;
    const from = Number(first);
    const { attempts, unanswered } = triesIn(fields, from);
    this.#tries.set(from, { attempts, unanswered: unanswered + 1 });
    if (this.#maySendAgain(from)) return parts;
    const message = 'The worker that claimed this request never reported back';
    const part = partOf(Number(to), 'unknown', { run, givenUp: true, message, attempts });
    if ((await this.#write(from, part)) === 'ok') parts.set(from, part);
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
    if (part === 'later') await this.#release(from, to);
    if (typeof part === 'string') return part;
    const answer = await this.#write(from, { ...part, run: this.#run });
    if (answer === 'ok') return part;
    // Settled by another run: the next one finds it.
    return answer === 'gone' ? 'gone' : answer === 'settled' ? 'later' : 'lost';
  }

  /** Sends to some recipients until it is known what came of it. */
  async #send(from: number, to: number): Promise<Part | Leave> {
    const { plan } = this;
    for (;;) {
      const ready = await plan.ready(to - from);
      if (ready === undefined) return 'later';
      if (typeof ready === 'string') return this.#worst(from, partOf(to, ready));
      const attempt = await this.#attempt(from, to).finally(ready);
      if (attempt.is === 'early') continue;
      if (attempt.is === 'part') return attempt.part;
      if (attempt.is !== 'failed') return attempt.is;
      const { error } = attempt;
      if (error.outcome === 'unknown') {
        const { attempts, unanswered } = this.#triesOf(from);
        this.#tries.set(from, { attempts, unanswered: unanswered + 1 });
        this.#unanswered.add(from);
        if (!this.#maySendAgain(from)) return failedPart(to, error, attempts);
        // The next run finds the claim, which stays, and sends again.
        if (plan.signal.aborted) return 'later';
        plan.backOff(error);
      } else {
        await this.#release(from, to);
        if (error.code === 'MIMC_CLOSED' || error.code === 'MIMC_ABORTED') return 'later';
        const needsPerson = error.code === 'MIMC_AUTH' || error.code === 'MIMC_CONFIG';
        if (needsPerson && (await plan.stop(error))) return 'later';
        if (!needsPerson && !isTransient(error)) {
          return this.#worst(from, failedPart(to, error, this.#triesOf(from).attempts));
        }
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
        part: partOf(to, 'accepted', { receipt: receiptOf(plan, delivered, this.#triesOf(from)) }),
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
    const unanswered = this.#unanswered.has(from) ? 1 : 0;
    const args = [lockToken, this.#run, from, to, mode, unanswered, ...this.plan.claimArgs(from)];
    const answer = (await CLAIM.run(this.redis, keys, args)) as Refusal | [attempts: number, unanswered: number];
    if (typeof answer === 'string') return answer;
    this.#tries.set(from, { attempts: answer[0], unanswered: answer[1] });
    this.#unanswered.delete(from);
    return undefined;
  }

  #triesOf(from: number): Tries {
    return this.#tries.get(from) ?? { attempts: 0, unanswered: 0 };
  }

  /** Whether a request that may have been sent is sent again. */
  #maySendAgain(from: number): boolean {
    return this.plan.delivery === 'at-least-once' && this.#triesOf(from).unanswered < this.plan.attempts;
  }

  /** The worst of all attempts: nothing is made of one that may have been sent. */
  #worst(from: number, part: Part): Part {
    return this.#triesOf(from).unanswered > 0 ? { ...part, outcome: 'unknown' } : part;
  }

  async #release(from: number, to: number): Promise<void> {
    if (this.#unanswered.has(from)) return;
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

function triesIn(fields: Readonly<Record<string, string>>, from: number): Tries {
  return { attempts: Number(fields[`attempts:${from}`] ?? 0), unanswered: Number(fields[`maybe:${from}`] ?? 0) };
}

function receiptOf(
  { endpoint }: JobPlan,
  { answer, requested, callId, timing, mayBeDuplicate }: Delivered<readonly string[]>,
  { attempts, unanswered }: Tries,
): PushReceipt | BatchPushReceipt {
  const common = { callId, attempts, timing, mayBeDuplicate: mayBeDuplicate || unanswered > 0 };
  if (endpoint.endsWith('more')) return { packetIds: answer, requested, ...common };
  return { packetId: String(answer[0]), ...common };
}
