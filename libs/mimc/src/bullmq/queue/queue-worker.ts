import { Backoff, within } from '../../internals.js';
import { BroadcastRun } from './broadcast-run.js';
import { FairTurns } from './fair-turns.js';
import { PushRun } from './push-run.js';
import type { StoredState } from './queue-keys.js';
import { QueueRetention } from './queue-retention.js';
import type { BroadcastPlan } from './queued-broadcast.js';
import type { RunContext } from './run-context.js';
import { opensInMs } from './send-window.js';

/** How often this process checks which broadcasts should run, in milliseconds. */
const CHECK_MS = 1_000;

/** Every this many checks, it also checks whether Redis lost jobs. */
const LOST_EVERY = 5;

/** Every this many checks, it also looks for what was left half done. */
const REPAIR_EVERY = 60;

/** How many broadcasts a process runs at a time. Each has a Redis connection. */
const MAX_RUNNING = 50;

/** Every this many checks, running broadcasts make way for waiting ones. */
const ROTATE_EVERY = 5;

/** The sending part of a process: single pushes always, broadcasts while they run. */
export class QueueWorker {
  readonly #pushes: readonly PushRun[];
  readonly #runs = new Map<string, BroadcastRun>();
  /** Runs that take no more jobs but still have requests in flight. */
  readonly #ending = new Set<Promise<void>>();
  /** The plans of the broadcasts seen running. */
  readonly #plans = new Map<string, BroadcastPlan>();
  /** One for each quota: broadcasts share it, and a failure pauses everything that draws on it. */
  readonly #quotas;
  readonly #retention: QueueRetention;
  readonly #timer: NodeJS.Timeout;
  /** The check in which a broadcast was last stopped. Those that have waited longest start first. */
  readonly #stoppedAt = new Map<string, number>();
  readonly #inProgress = new Set<string>();
  #looks = 0;

  constructor(private readonly context: RunContext) {
    const quota = () => ({ turns: new FairTurns(context.settings.concurrency), backoff: new Backoff(false) });
    this.#quotas = { accounts: quota(), topics: quota() };
    this.#retention = new QueueRetention(context);
    this.#pushes = [
      new PushRun(context, 'accounts', this.#quotas.accounts.backoff),
      new PushRun(context, 'topics', this.#quotas.topics.backoff),
    ];
    this.#timer = setInterval(() => this.look(), CHECK_MS);
    this.#timer.unref();
    this.look();
  }

  /** Checks now which broadcasts should run. */
  look(): void {
    this.#alone('look', () => this.#look());
  }

  /** Halts a broadcast in this process now. */
  halt(id: string): void {
    this.#runs.get(id)?.halt();
  }

  /** For a shutdown that has begun. Resolves when the requests in flight are settled, at the latest after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    clearInterval(this.#timer);
    const runs = [...this.#pushes, ...this.#runs.values()];
    const closed = Promise.all([...this.#ending, ...runs.map((run) => run.close(withinMs))]);
    await within(withinMs, closed);
    for (const { backoff } of Object.values(this.#quotas)) backoff.end();
  }

  /** Does nothing if this work is still in progress. */
  #alone(name: 'look' | 'tidy', work: () => Promise<void>): void {
    if (this.#inProgress.has(name) || this.context.closing.aborted) return;
    this.#inProgress.add(name);
    void work()
      .catch(this.context.warn)
      .finally(() => this.#inProgress.delete(name));
  }

  async #look(): Promise<void> {
    await this.#start();
    const live = new Map<string, StoredState>();
    for (const state of ['cancelling', 'expiring', 'running'] as const) {
      for (const id of await this.context.store.idsIn(state)) live.set(id, state);
    }
    for (const [id, run] of this.#runs) {
      if (!live.has(id) || run.isHalted || !isOpen(run.plan, live.get(id))) this.#stop(id, run);
    }
    this.#forgetOthers(live);
    const waitedMost = [...live].toSorted(([one], [other]) => this.#lastRun(one) - this.#lastRun(other));
    this.#looks += 1;
    if (this.#looks % LOST_EVERY === 0) for (const run of this.#runs.values()) await run.endIfLost();
    if (this.#looks % ROTATE_EVERY === 0) this.#makeWay(waitedMost);
    for (const [id, state] of waitedMost) await this.#run(id, state);
    // Apart from the check, as it may take long and nothing should wait for it.
    this.#alone('tidy', () => this.#tidy());
  }

  #forgetOthers(live: ReadonlyMap<string, StoredState>): void {
    for (const known of [this.#plans, this.#stoppedAt]) {
      for (const id of known.keys()) if (!live.has(id)) known.delete(id);
    }
  }

  #lastRun(id: string): number {
    return this.#runs.has(id) ? this.#looks : (this.#stoppedAt.get(id) ?? -1);
  }

  /** Stops as many of the longest-running broadcasts as others wait for a place, so that each gets its share of time. */
  #makeWay(live: readonly (readonly [id: string, state: StoredState])[]): void {
    const waiting = live.filter(([id, state]) => {
      const plan = this.#plans.get(id);
      return state === 'running' && !this.#runs.has(id) && plan !== undefined && isOpen(plan, state);
    });
    const free = MAX_RUNNING - this.#runs.size;
    for (const [id, run] of [...this.#runs].slice(0, Math.max(0, waiting.length - free))) this.#stop(id, run);
  }

  /** Starts scheduled broadcasts that are due, and ends expired ones. */
  async #start(): Promise<void> {
    const { redis, keys, store } = this.context;
    for (const state of ['scheduled', 'paused'] as const) {
      for (const id of await store.idsIn(state)) {
        const { startAt = 0, expiresAt = Infinity } = (await store.plan(id)) ?? {};
        const to = Date.now() >= expiresAt ? 'expiring' : state === 'scheduled' && Date.now() >= startAt && 'running';
        if (to) await redis.smove(keys.state(state), keys.state(to), id);
      }
    }
  }

  async #run(id: string, state: StoredState): Promise<void> {
    const known = this.#runs.get(id);
    if (known !== undefined) known.state = state;
    else {
      const plan = this.#plans.get(id) ?? (await this.context.store.plan(id));
      if (plan === undefined || this.context.closing.aborted) return;
      this.#plans.set(id, plan);
      // A broadcast outside its window takes no place from others.
      if (!isOpen(plan, state) || (state === 'running' && this.#runs.size >= MAX_RUNNING)) return;
      const run = new BroadcastRun(this.context, id, plan, this.#quotas[plan.kind]);
      run.state = state;
      this.#runs.set(id, run);
    }
  }

  #stop(id: string, run: BroadcastRun): void {
    this.#runs.delete(id);
    // Read again before the next run: the id may name another broadcast by then.
    this.#plans.delete(id);
    this.#stoppedAt.set(id, this.#looks);
    const end = run.close(this.context.settings.shutdownMs);
    this.#ending.add(end);
    void end.finally(() => this.#ending.delete(end));
  }

  async #tidy(): Promise<void> {
    const repairs = this.#looks % REPAIR_EVERY === 0;
    await this.#retention.forget();
    if (repairs) await this.#retention.repair();
  }
}

/** Whether a broadcast may run now. The window holds back sending only, not the end of a cancelled or expired one. */
function isOpen({ window }: BroadcastPlan, state: StoredState | undefined): boolean {
  return window === undefined || state !== 'running' || opensInMs(window, new Date()) === 0;
}
