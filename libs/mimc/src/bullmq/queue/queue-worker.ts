import { Backoff, within } from '../../internals.js';
import { BroadcastRun, type RunContext } from './broadcast-run.js';
import type { BroadcastStore } from './broadcast-store.js';
import { FairTurns } from './fair-turns.js';
import { PushRun } from './push-run.js';
import type { StoredState } from './queue-keys.js';
import type { BroadcastPlan } from './queued-broadcast.js';
import { opensInMs } from './send-window.js';

/** How often this process looks which broadcasts are to run, in milliseconds. */
const LOOK_MS = 1_000;

/** In how many looks it is once looked whether Redis lost jobs. */
const LOST_EVERY = 5;

/** In how many looks it is once looked for ends that were not noted. */
const TIDY_EVERY = 60;

/** Broadcasts that a process runs at a time: each has a connection to Redis. */
const MAX_RUNNING = 50;

/** Every this many looks, running broadcasts make way for waiting ones. */
const ROTATE_EVERY = 5;

/** What of a process sends: single pushes always, broadcasts while they run. */
export class QueueWorker {
  readonly #pushes: readonly PushRun[];
  readonly #runs = new Map<string, BroadcastRun>();
  /** Those that take no more jobs, while requests of theirs are in flight. */
  readonly #ending = new Set<Promise<void>>();
  /** What is fixed about the broadcasts that were seen to run. */
  readonly #plans = new Map<string, BroadcastPlan>();
  readonly #context: RunContext;
  readonly #timer: NodeJS.Timeout;
  /** Recipients that are pending though no job is left, by broadcast. */
  readonly #withoutJobs = new Map<string, number>();
  /** In which look a broadcast was last stopped, to let those start first that have waited longest. */
  readonly #stoppedAt = new Map<string, number>();
  #looks = 0;
  #isLooking = false;
  #isTidying = false;
  #isClosed = false;

  constructor(
    context: Omit<RunContext, 'turns' | 'backoffs'>,
    private readonly store: BroadcastStore,
    /** Removes a broadcast that is to be forgotten. */
    private readonly forget: (id: string) => Promise<void>,
    /** Removes single pushes that are to be forgotten. */
    private readonly forgetPushes: () => Promise<void>,
    /** Whether BullMQ has no job of a broadcast any more. */
    private readonly isDrained: (id: string) => Promise<boolean>,
  ) {
    const { concurrency } = context.settings;
    const turns = { accounts: new FairTurns(concurrency), topics: new FairTurns(concurrency) };
    const backoffs = { accounts: new Backoff(false), topics: new Backoff(false) };
    this.#context = { ...context, turns, backoffs };
    this.#pushes = (['accounts', 'topics'] as const).map((kind) => new PushRun(this.#context, kind));
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
    this.look();
  }

  /** Looks which broadcasts are to run, now. */
  look(): void {
    void this.#lookOnce();
  }

  /** Halts a broadcast in this process at once. */
  halt(id: string): void {
    this.#runs.get(id)?.halt();
  }

  /** Resolves when requests in flight are settled, or after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const runs = [...this.#pushes, ...this.#runs.values()];
    const closed = Promise.all([...this.#ending, ...runs.map((run) => run.close(withinMs))]);
    await within(withinMs, closed);
    for (const backoff of Object.values(this.#context.backoffs)) backoff.end();
  }

  async #lookOnce(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    try {
      await this.#look();
    } catch (error) {
      this.#context.warn(error);
    } finally {
      this.#isLooking = false;
    }
  }

  async #look(): Promise<void> {
    await this.#start();
    const live = new Map<string, StoredState>();
    for (const state of ['cancelling', 'expiring', 'running'] as const) {
      for (const id of await this.store.idsIn(state)) live.set(id, state);
    }
    for (const [id, run] of this.#runs) {
      if (!live.has(id) || run.isHalted || !isOpen(run.plan, live.get(id))) this.#stop(id, run);
    }
    this.#forgetOthers(live);
    const waitedMost = [...live].toSorted(([one], [other]) => this.#lastRun(one) - this.#lastRun(other));
    this.#looks += 1;
    if (this.#looks % LOST_EVERY === 0) await this.#endLost();
    if (this.#looks % ROTATE_EVERY === 0) this.#makeWay(waitedMost);
    for (const [id, state] of waitedMost) await this.#run(id, state);
    void this.#tidyOnce();
  }

  #forgetOthers(live: ReadonlyMap<string, StoredState>): void {
    for (const known of [this.#plans, this.#stoppedAt, this.#withoutJobs]) {
      for (const id of known.keys()) if (!live.has(id)) known.delete(id);
    }
  }

  #lastRun(id: string): number {
    return this.#runs.has(id) ? this.#looks : (this.#stoppedAt.get(id) ?? -1);
  }

  /** Stops those that have run longest, as many as others wait for their place: each gets its share of the time. */
  #makeWay(live: readonly (readonly [id: string, state: StoredState])[]): void {
    const waiting = live.filter(([id, state]) => {
      const plan = this.#plans.get(id);
      return state === 'running' && !this.#runs.has(id) && plan !== undefined && isOpen(plan, state);
    });
    const free = MAX_RUNNING - this.#runs.size;
    for (const [id, run] of [...this.#runs].slice(0, Math.max(0, waiting.length - free))) this.#stop(id, run);
  }

  /** Ends broadcasts whose jobs Redis lost, once that was seen twice. */
  async #endLost(): Promise<void> {
    for (const id of this.#runs.keys()) {
      const pending = (await this.isDrained(id)) ? ((await this.store.get(id))?.counts.pending ?? 0) : 0;
      if (pending > 0 && this.#withoutJobs.get(id) === pending) await this.store.lose(id, pending);
      if (pending > 0) this.#withoutJobs.set(id, pending);
      else this.#withoutJobs.delete(id);
    }
  }

  /** Starts what is due, and ends what has expired. */
  async #start(): Promise<void> {
    const { redis, keys } = this.store;
    for (const state of ['scheduled', 'paused'] as const) {
      for (const id of await this.store.idsIn(state)) {
        const { startAt = 0, expiresAt = Infinity } = (await this.store.plan(id)) ?? {};
        const to = Date.now() >= expiresAt ? 'expiring' : state === 'scheduled' && Date.now() >= startAt && 'running';
        if (to) await redis.smove(keys.state(state), keys.state(to), id);
      }
    }
  }

  async #run(id: string, state: StoredState): Promise<void> {
    const known = this.#runs.get(id);
    if (known !== undefined) known.state = state;
    else {
      const plan = this.#plans.get(id) ?? (await this.store.plan(id));
      if (plan === undefined || this.#isClosed) return;
      this.#plans.set(id, plan);
      // One whose hours have not begun takes no place from others.
      if (!isOpen(plan, state) || (state === 'running' && this.#runs.size >= MAX_RUNNING)) return;
      const run = new BroadcastRun(this.#context, id, plan);
      run.state = state;
      this.#runs.set(id, run);
    }
  }

  #stop(id: string, run: BroadcastRun): void {
    this.#runs.delete(id);
    this.#withoutJobs.delete(id);
    this.#stoppedAt.set(id, this.#looks);
    const end = run.close(this.#context.settings.shutdownMs);
    this.#ending.add(end);
    void end.finally(() => this.#ending.delete(end));
  }

  /** Beside looking, as it may take long: nothing that runs waits for it. */
  async #tidyOnce(): Promise<void> {
    if (this.#isTidying || this.#isClosed) return;
    this.#isTidying = true;
    try {
      await this.#tidy();
    } catch (error) {
      this.#context.warn(error);
    } finally {
      this.#isTidying = false;
    }
  }

  async #tidy(): Promise<void> {
    const { redis, keys } = this.store;
    for (const id of await this.store.dueToForget()) {
      if (this.#isClosed) return;
      await this.forget(id).catch(this.#context.warn);
    }
    await this.forgetPushes();
    if (this.#looks % TIDY_EVERY !== 0) return;
    // What a full Redis did not take when they ended.
    for (const state of ['done', 'cancelled', 'expired'] as const) {
      for (const id of await this.store.idsIn(state)) {
        if ((await redis.zscore(keys.ended, id)) === null) await this.store.end(id);
      }
    }
    // An audience that nobody completes.
    for (const id of await this.store.idsIn('enqueuing')) {
      const { createdAt = 0, retentionMs = Infinity } = (await this.store.plan(id)) ?? {};
      if (Date.now() >= createdAt + retentionMs) await this.store.move(id, 'cancel');
    }
  }
}

/** Whether a broadcast may send at this hour; what ends does so at any hour. */
function isOpen({ window }: BroadcastPlan, state: StoredState | undefined): boolean {
  return window === undefined || state !== 'running' || opensInMs(window, new Date()) === 0;
}
