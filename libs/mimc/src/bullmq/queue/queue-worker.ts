import { Backoff, within } from '../../internals.js';
import { BroadcastRun, type RunContext } from './broadcast-run.js';
import type { BroadcastStore } from './broadcast-store.js';
import { FairTurns } from './fair-turns.js';
import { PushRun } from './push-run.js';
import type { StoredState } from './queue-keys.js';

/** How often this process looks which broadcasts are to run, in milliseconds. */
const LOOK_MS = 1_000;

/** In how many looks it is once looked whether Redis lost jobs. */
const LOST_EVERY = 5;

/** Broadcasts that a process runs at a time: each has a connection to Redis. Others start as these end. */
export const MAX_RUNNING = 50;

/** What of a process sends: single pushes always, broadcasts while they run. */
export class QueueWorker {
  readonly #pushes: PushRun;
  readonly #runs = new Map<string, BroadcastRun>();
  readonly #context: RunContext;
  readonly #timer: NodeJS.Timeout;
  /** Recipients that are pending though no job is left, by broadcast. */
  readonly #withoutJobs = new Map<string, number>();
  #looks = 0;
  #isLooking = false;
  #isClosed = false;

  constructor(
    context: Omit<RunContext, 'turns' | 'backoffs'>,
    private readonly store: BroadcastStore,
    /** Removes a broadcast that is to be forgotten. */
    private readonly forget: (id: string) => Promise<void>,
    /** Whether BullMQ has no job of a broadcast any more. */
    private readonly isDrained: (id: string) => Promise<boolean>,
  ) {
    const { concurrency } = context.settings;
    const backoffs = { accounts: new Backoff(false), topics: new Backoff(false) };
    this.#context = { ...context, turns: new FairTurns(concurrency), backoffs };
    this.#pushes = new PushRun(this.#context);
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
    const runs = [this.#pushes, ...this.#runs.values()];
    const closed = Promise.all(runs.map((run) => run.close(withinMs)));
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
    for (const [id, run] of this.#runs) if (!live.has(id) || run.isHalted) this.#stop(id, run);
    for (const [id, state] of live) await this.#run(id, state);
    await this.#tidy();
    this.#looks += 1;
    if (this.#looks % LOST_EVERY === 0) await this.#endLost();
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
    else if (this.#runs.size < MAX_RUNNING) {
      const plan = await this.store.plan(id);
      if (plan === undefined || this.#isClosed) return;
      const run = new BroadcastRun(this.#context, id, plan);
      run.state = state;
      this.#runs.set(id, run);
    }
  }

  #stop(id: string, run: BroadcastRun): void {
    this.#runs.delete(id);
    this.#withoutJobs.delete(id);
    void run.close(this.#context.settings.shutdownMs);
  }

  async #tidy(): Promise<void> {
    const { redis, keys } = this.store;
    for (const id of await redis.zrangebyscore(keys.ended, 0, Date.now(), 'LIMIT', 0, 10)) await this.forget(id);
    // An audience that nobody completes.
    for (const id of await this.store.idsIn('enqueuing')) {
      const { createdAt = 0, retentionMs = Infinity } = (await this.store.plan(id)) ?? {};
      if (Date.now() >= createdAt + retentionMs) await this.store.move(id, 'cancel');
    }
  }
}
