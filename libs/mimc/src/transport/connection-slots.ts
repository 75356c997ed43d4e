import type { MimcLane } from '../pacing/rate-limiter.js';
import { ExchangeFault } from './exchange-fault.js';
import type { AttemptScope } from './mimc-transport.js';

/** While both lanes wait, bulk gets the next slot after interactive calls got this many. */
const BULK_WAITS_FOR = 9;

/**
 * Bounds how many requests use a connection at once. It stands in front of undici's pool, as a request that waits in the
 * pool's own queue cannot be taken out again: given up, it would still hold its body there.
 *
 * Interactive calls go first, but bulk gets every tenth slot; within a lane requests take turns in the order in which they
 * came. In a pool that is busy but moving a turn is only a matter of time, so a request is given up only when none has been
 * dispatched and ended for `patienceMs`.
 */
export class ConnectionSlots {
  readonly #max: number;
  readonly #patienceMs: number;
  /** In order; each takes over the slot that became free. */
  readonly #waiting: Readonly<Record<MimcLane, Set<() => void>>> = { interactive: new Set(), bulk: new Set() };
  /** How many slots in a row went to interactive calls while bulk waited. */
  #bulkWaitedFor = 0;
  #taken = 0;
  #movedAt = 0;

  constructor(max: number, patienceMs: number) {
    this.#max = max;
    this.#patienceMs = patienceMs;
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.#taken >= this.#max) return false;
    this.#taken += 1;
    return true;
  }

  /**
   * Waits for a slot and takes it.
   *
   * @param scope can end the wait
   * @throws ExchangeFault `connect` when the pool stands still for too long, `stopped` when the scope ends the wait
   */
  take(lane: MimcLane, scope: AttemptScope): Promise<void> {
    const waiting = this.#waiting[lane];
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const leave = () => {
        clearTimeout(timer);
        waiting.delete(takeOver);
        scope.done();
      };
      const takeOver = () => {
        leave();
        resolve();
      };
      const giveUp = (fault: ExchangeFault) => {
        leave();
        reject(fault);
      };
      const look = () => {
        if (!waiting.has(takeOver)) return;
        const leftMs = Math.max(since, this.#movedAt) + this.#patienceMs - performance.now();
        if (leftMs <= 0) giveUp(this.#standsStill());
        else timer = setTimeout(onTimer, leftMs);
      };
      // A process that was busy or frozen first reads the answers that came meanwhile: they free connections.
      const onTimer = () => void setImmediate(look);
      let timer = setTimeout(onTimer, this.#patienceMs);
      waiting.add(takeOver);
      scope.wait({ stop: () => giveUp(new ExchangeFault('stopped')) });
    });
  }

  /** A request that was dispatched has ended. One without a connection does not count: those that wait would get none. */
  moved(): void {
    const { interactive, bulk } = this.#waiting;
    if (interactive.size + bulk.size > 0) this.#movedAt = performance.now();
  }

  /** Hands a slot to the request whose turn it is, or frees it. */
  release(): void {
    const { interactive, bulk } = this.#waiting;
    const isBulkDue = interactive.size === 0 || (bulk.size > 0 && this.#bulkWaitedFor >= BULK_WAITS_FOR);
    this.#bulkWaitedFor = isBulkDue || bulk.size === 0 ? 0 : this.#bulkWaitedFor + 1;
    const [takeOver] = isBulkDue ? bulk : interactive;
    if (takeOver === undefined) this.#taken -= 1;
    else takeOver();
  }

  #standsStill(): ExchangeFault {
    const reason = `none of the ${this.#max} in use became free within ${this.#patienceMs} ms`;
    return new ExchangeFault('connect', reason);
  }
}
