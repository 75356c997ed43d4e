import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { MimcError } from '../../index.js';
import type { Backoff, StoredPush } from '../../internals.js';
import { isJobOf, offsetOf, settledBit } from './audience-jobs.js';
import type { FairTurns } from './fair-turns.js';
import { COUNT_OF, type Part } from './job-outcome.js';
import { type JobPlan, JobRunner, type RunEnd } from './job-runner.js';
import { JobWorker } from './job-worker.js';
import { queueOf, type StoredState } from './queue-keys.js';
import type { BroadcastPlan } from './queued-broadcast.js';
import { PAUSE } from './queue-scripts.js';
import type { RunContext } from './run-context.js';
import { opensInMs } from './send-window.js';

/** The longest sleep before the clock is checked again, in milliseconds. */
const MAX_SLEEP_MS = 60_000;

/** The pause before a failed Redis command is repeated, in milliseconds. */
const REDIS_RETRY_MS = 1_000;

/** Sends one broadcast in this process; other processes may send the same one. */
export class BroadcastRun {
  /** The last state seen. Whether a request may leave is decided by its claim. */
  state: StoredState = 'running';
  readonly #stopped = new AbortController();
  readonly #worker: JobWorker;
  readonly #claimKeys: readonly string[];
  readonly #settleKeys: readonly string[];
  /** Pending recipients, if the last check found no job for them. */
  #withoutJobs = 0;

  constructor(
    private readonly context: RunContext,
    readonly id: string,
    readonly plan: BroadcastPlan,
    /** What it shares with the others that draw on its quota. */
    private readonly quota: { readonly turns: FairTurns; readonly backoff: Backoff },
  ) {
    const { keys } = context;
    const states = ['running', 'paused', 'cancelling', 'expiring', 'done', 'cancelled', 'expired'] as const;
    this.#claimKeys = [keys.state('running'), keys.settled(id)];
    this.#settleKeys = [keys.broadcast(id), ...states.map((state) => keys.state(state)), keys.ended, keys.settled(id)];
    // Each running job listens; `concurrency` bounds their number.
    setMaxListeners(0, this.#stopped.signal);
    this.#worker = new JobWorker(context, queueOf(id), (job, token) => this.#run(job, token));
  }

  get isHalted(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Ends the broadcast if Redis lost its jobs, once two checks have seen it. */
  async endIfLost(): Promise<void> {
    const { store } = this.context;
    const queue = this.context.queue(queueOf(this.id));
    // One command for all states: between two commands, a job could move and be counted in neither.
    const jobs = await queue.getJobCountByTypes('waiting', 'prioritized', 'delayed', 'active');
    const pending = jobs > 0 ? 0 : ((await store.get(this.id))?.counts.pending ?? 0);
    if (pending > 0 && pending === this.#withoutJobs) await store.lose(this.id, pending);
    this.#withoutJobs = pending;
  }

  /** Takes no more jobs, and puts waiting ones back. */
  halt(): void {
    this.#worker.pause();
    this.#stopped.abort();
    this.quota.turns.end(this.id);
  }

  /** Resolves when the requests in flight are settled, at the latest after `withinMs`. */
  close(withinMs: number): Promise<void> {
    this.halt();
    return this.#worker.close(withinMs);
  }

  async #run(job: Job, token: string): Promise<RunEnd> {
    if (!isJobOf(this.plan.createdAt, String(job.id))) return this.#leave(String(job.id));
    const end = await new JobRunner(this.context, job, token, this.#planOf(job)).run();
    // Another process paused or cancelled it. If this worker kept fetching, BullMQ would hand it the same job again.
    if (end.is === 'later') this.halt();
    return end;
  }

  /**
   * Drops a job of an earlier broadcast with this id, which a late producer added. If it is this run that is of an earlier
   * broadcast, because this process was suspended, the job waits for the run that comes next.
   */
  async #leave(jobId: string): Promise<RunEnd> {
    const plan = await this.context.store.plan(this.id);
    if (plan !== undefined && !isJobOf(plan.createdAt, jobId)) return { is: 'settled', parts: [] };
    this.halt();
    return { is: 'later' };
  }

  #planOf(job: Job): JobPlan {
    const { kind, message, delivery, attempts, retentionMs, stopAfterConsecutiveFailures } = this.plan;
    const isInvalid = job.name === 'invalid';
    const recipients = job.data as readonly string[];
    const offset = offsetOf(String(job.id));
    return {
      endpoint: kind === 'accounts' ? 'p2p/more' : 'p2t/more',
      units: recipients.length,
      lane: 'bulk',
      delivery,
      attempts,
      backoff: this.quota.backoff,
      signal: this.#stopped.signal,
      claimKeys: this.#claimKeys,
      claimArgs: (from) => [this.id, settledBit(job.name, offset + from)],
      dto: (from, to): StoredPush => {
        const list = recipients.slice(from, to);
        return kind === 'accounts' ? { ...message, toAccounts: list } : { ...message, topicIds: list };
      },
      ready: async (units) => (isInvalid ? 'invalid' : this.#ready(units)),
      mayLeave: () => !this.#isOver() && this.#opensInMs() === 0,
      stop: (error) => this.#pause(error),
      settleKeys: this.#settleKeys,
      settleArgs: (from, part) => [
        this.id,
        part.to - from,
        COUNT_OF[part.outcome],
        part.at,
        reasonToPause(part),
        stopAfterConsecutiveFailures || 0,
        part.at + retentionMs,
        settledBit(job.name, offset + from),
        part.outcome === 'accepted' && part.to - from === recipients.length ? 1 : 0,
      ],
    };
  }

  /** Waits for the send window, the end of a backoff, and a turn among other broadcasts. */
  async #ready(units: number): Promise<(() => void) | Part['outcome'] | undefined> {
    const { turns, backoff } = this.quota;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const closedMs = this.#opensInMs();
      if (this.state !== 'running') {
        const end = await this.#endOf(this.state).catch(() => this.#sleep(REDIS_RETRY_MS));
        if (end !== undefined) return end;
      } else if (this.#isOver()) await this.#expire().catch(() => this.#sleep(REDIS_RETRY_MS));
      else if (closedMs > 0) await this.#sleep(Math.min(closedMs, MAX_SLEEP_MS));
      else if (backoff.isPaused) await backoff.over(signal);
      else return turns.take(this.id, this.plan.weight, units, signal);
    }
    return undefined;
  }

  /** The outcome of jobs in this state. Undefined if the state has changed: a cancelled broadcast may have been reopened. */
  async #endOf(state: StoredState): Promise<Part['outcome'] | undefined> {
    const { keys, redis } = this.context;
    if ((await redis.sismember(keys.state(state), this.id)) === 1)
      return state === 'cancelling' ? 'cancelled' : 'expired';
    this.state = 'running';
    return undefined;
  }

  #isOver(): boolean {
    return Date.now() >= (this.plan.expiresAt ?? Infinity);
  }

  async #expire(): Promise<void> {
    const { keys, redis } = this.context;
    if ((await redis.smove(keys.state('running'), keys.state('expiring'), this.id)) === 1) this.state = 'expiring';
    else this.halt();
  }

  /** Resolves early if the run stops. */
  async #sleep(ms: number): Promise<undefined> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }

  #opensInMs(): number {
    return this.plan.window === undefined ? 0 : opensInMs(this.plan.window, new Date());
  }

  /** Nothing is lost: the job waits until a person fixes the cause and resumes the broadcast. */
  async #pause({ code, message }: MimcError): Promise<boolean> {
    const { keys, redis } = this.context;
    try {
      const touched = [keys.state('running'), keys.state('paused'), keys.broadcast(this.id)];
      await PAUSE.run(redis, touched, [this.id, JSON.stringify({ code, message })]);
      return true;
    } catch (error) {
      // Redis failed; the caller backs off and tries again.
      this.context.warn(error);
      return false;
    }
  }
}

/** The reason as JSON if this failure counts towards a pause, otherwise an empty string. */
function reasonToPause({ outcome, code, message }: Part): string {
  // Caused by a shutdown, so it says nothing about the broadcast.
  if (code === 'MIMC_CLOSED' || code === 'MIMC_ABORTED') return '';
  const counts = outcome === 'refused' || outcome === 'not-sent' || (outcome === 'unknown' && code !== undefined);
  return counts ? JSON.stringify({ code, message }) : '';
}
