import { setImmediate } from 'node:timers';
import { ADMIT } from './admission.lua.js';
import { mayHaveRun, redisAway } from './limiter-errors.js';
import { type OwedPermit, OwedPermits } from './owed-permits.js';
import { CANCEL, LEAVE, PENALIZE, SETTLE } from './permit.lua.js';
import { Script, type RedisLink } from './redis-link.js';

/** Shorter than the minute after which Redis drops the state of an idle bucket. */
const EPOCH_MS = 30_000;

/** Longest penalty that is shared, in milliseconds: a day. */
const MAX_PENALTY_MS = 86_400_000;

const scripts = {
  admit: new Script(ADMIT),
  settle: new Script(SETTLE),
  cancel: new Script(CANCEL),
  leave: new Script(LEAVE),
  penalize: new Script(PENALIZE),
};

/** Units are held this long after their settlement or the end of their lease. */
const WINDOW_MS = 1_000;

/** Lanes as the scripts name them. */
export type LaneKey = 'i' | 'b';

/** What Redis says to calls that ask for units; all times in milliseconds from now. */
export interface Admission {
  /** How many of the calls were granted, from the first on. */
  readonly granted: number;
  /** When the first that was not should ask again. */
  readonly retryInMs: number;
  /** Before when it cannot be granted, if every reply came at once and no call before it gave up. */
  readonly earliestInMs: number;
  readonly usedUnits: number;
  /** Until the end of a penalty. */
  readonly resumesInMs: number;
}

/** One bucket as it is in Redis. */
export class RedisQuota {
  readonly #keys: readonly string[];
  readonly #owed = { settle: new OwedPermits(), cancel: new OwedPermits() };
  #epoch = '';
  #heardAt = -Infinity;

  /**
   * @param process who asks: one of all that share the quota
   * @param name the bucket with its prefix, the hash tag of its keys
   */
  constructor(
    private readonly link: RedisLink,
    private readonly process: string,
    name: string,
    private readonly limit: number,
    private readonly leaseMs: number,
    private readonly answerMs: number,
  ) {
    this.#keys = ['state', 'held', 'heads'].map((key) => `{${name}}:${key}`);
  }

  /**
   * Asks for `permits`, the first calls of a lane, with `behind` units waiting behind them.
   *
   * An answer that came in time but is read late, as the event loop was blocked or the process frozen, grants nothing: its
   * lease may be over. It is given back, and the calls are to ask again at once.
   *
   * @throws MimcError `MIMC_CONNECT` when Redis does not answer in time: then none is granted, and what Redis may have
   * granted unheard is given back when it answers, or its lease ends; `MIMC_CONFIG` when Redis does not allow the limiter
   * to run scripts
   */
  async admit(lane: LaneKey, permits: readonly string[], behind: number): Promise<Admission> {
    const askedAt = performance.now();
    const epoch = askedAt - this.#heardAt < EPOCH_MS ? this.#epoch : '';
    const reply = this.link.run(scripts.admit, this.#keys, [
      this.limit,
      this.leaseMs * 1_000,
      lane,
      this.process,
      epoch,
      behind,
      ...permits,
    ]);
    try {
      const admission = this.#read(await this.#inTime(reply));
      this.#pay();
      if (performance.now() - askedAt <= this.answerMs) return admission;
      this.cancel(permits.slice(0, admission.granted));
      return { ...admission, granted: 0, retryInMs: 0, earliestInMs: 0 };
    } catch (error) {
      void this.#giveBack(permits, reply);
      throw error;
    }
  }

  settle(permits: readonly string[]): void {
    this.#tell('settle', this.#owing(permits));
  }

  cancel(permits: readonly string[]): void {
    this.#tell('cancel', this.#owing(permits));
  }

  /** Nobody waits in `lane` any more. */
  leave(lane: LaneKey): void {
    // A head that is not taken back is forgotten when it does not ask again.
    this.link.run(scripts.leave, this.#keys, [`${lane}${this.process}`]).catch(() => {});
  }

  penalize(forMs: number): void {
    // The others will be throttled themselves.
    this.link.run(scripts.penalize, this.#keys, [Math.min(forMs, MAX_PENALTY_MS)]).catch(() => {});
  }

  /** Gives back what `reply` grants too late. Without a reply all `permits` are given back, if Redis may have run it. */
  async #giveBack(permits: readonly string[], reply: Promise<unknown>): Promise<void> {
    try {
      const late = await reply;
      if (Array.isArray(late)) this.cancel(permits.slice(0, Number(late[0])));
    } catch (error) {
      if (mayHaveRun(error)) this.#owed.cancel.add(this.#owing(permits));
    }
  }

  #owing(permits: readonly string[]): OwedPermit[] {
    const until = performance.now() + this.leaseMs + WINDOW_MS;
    return permits.map((permit) => ({ permit, until }));
  }

  #tell(what: 'settle' | 'cancel', owed: readonly OwedPermit[]): void {
    if (owed.length === 0) return;
    const permits = owed.map(({ permit }) => permit);
    this.link.run(scripts[what], this.#keys, permits).catch(() => this.#owed[what].add(owed));
  }

  #pay(): void {
    for (const owed of this.#owed.settle.take()) this.#tell('settle', owed);
    for (const owed of this.#owed.cancel.take()) this.#tell('cancel', owed);
  }

  async #inTime(reply: Promise<unknown>): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const tooLate = () => reject(redisAway(`no answer within ${this.answerMs} ms`));
      // A reply that is in the socket already is read in the turn before.
      timer = setTimeout(() => setImmediate(tooLate), this.answerMs);
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #read(reply: unknown): Admission {
    const [granted, retryIn, earliestIn, usedUnits, resumesIn, epoch] = reply as [...number[], string] as [
      number,
      number,
      number,
      number,
      number,
      string,
    ];
    this.#epoch = epoch;
    this.#heardAt = performance.now();
    return {
      granted,
      retryInMs: retryIn / 1_000,
      earliestInMs: earliestIn / 1_000,
      usedUnits,
      resumesInMs: resumesIn / 1_000,
    };
  }
}
