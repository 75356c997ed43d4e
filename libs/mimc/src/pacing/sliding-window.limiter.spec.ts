import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MimcError } from '../errors/mimc-error.js';
import type { MimcAcquireOptions, MimcLane, MimcPermit } from './rate-limiter.js';
import { SlidingWindowLimiter } from './sliding-window.limiter.js';

const LIMIT = 10;

interface Call {
  /** What became of it: `admitted`, or the error's code, or the reason of its signal; undefined while it waits. */
  outcome: unknown;
  permit: MimcPermit;
}

describe('SlidingWindowLimiter', () => {
  let limiter: SlidingWindowLimiter;
  let order: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    limiter = new SlidingWindowLimiter({ limits: { accounts: LIMIT, topics: 2 }, maxQueued: 5 });
    order = [];
  });

  afterEach(() => {
    limiter.close();
    const timersLeft = jest.getTimerCount();
    jest.useRealTimers();
    if (timersLeft > 0) throw new Error('A closed limiter left a timer');
  });

  async function acquire(units: number, options: Partial<MimcAcquireOptions> = {}, name = ''): Promise<Call> {
    const call: Call = { outcome: undefined, permit: { settle: () => {}, cancel: () => {} } };
    const follow = async () => {
      try {
        call.permit = await limiter.acquire('accounts', units, { lane: 'interactive', ...options });
        call.outcome = 'admitted';
        order.push(name);
      } catch (error) {
        call.outcome = MimcError.is(error) ? error.code : error;
      }
    };
    void follow();
    await flush();
    return call;
  }

  async function pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
  }

  const deadlineIn = (ms: number) => ({ deadlineAt: performance.now() + ms });

  describe('units', () => {
    it('are held from admission until one second after the answer', async () => {
      const first = await acquire(LIMIT);
      const second = await acquire(1);
      await pass(5_000);
      expect(second.outcome).toBeUndefined();
      first.permit.settle();
      await pass(999);
      expect(second.outcome).toBeUndefined();
      await pass(1);
      expect(second.outcome).toBe('admitted');
    });

    it('are free at once when the request was never dispatched', async () => {
      const first = await acquire(LIMIT);
      const second = await acquire(1);
      first.permit.cancel();
      await flush();
      expect(second.outcome).toBe('admitted');
    });

    it('are given back once, whatever is called after', async () => {
      const [first, second] = [await acquire(4), await acquire(6)];
      first.permit.settle();
      first.permit.cancel();
      first.permit.settle();
      second.permit.cancel();
      second.permit.settle();
      expect(limiter.status('accounts').usedUnits).toBe(4);
      await pass(1_000);
      expect(limiter.status('accounts').usedUnits).toBe(0);
    });

    it('of one bucket are none of the other', async () => {
      await acquire(LIMIT);
      await expect(limiter.acquire('topics', 2, { lane: 'bulk' })).resolves.toBeDefined();
    });

    it.each([LIMIT + 1, 0, -1, 1.5, NaN])('that can never fit are refused: %p', async (units) => {
      await expect(limiter.acquire('accounts', units, { lane: 'bulk' })).rejects.toMatchObject({
        code: 'MIMC_INVALID',
        outcome: 'not-sent',
      });
    });
  });

  describe('lanes', () => {
    const wait = (lane: MimcLane, units: number, name: string) => acquire(units, { lane }, name);

    it('let bulk use the whole quota when it is alone', async () => {
      for (let n = 0; n < 5; n += 1) expect((await acquire(2, { lane: 'bulk' })).outcome).toBe('admitted');
    });

    it('are first in first out, and a small call does not overtake a large one', async () => {
      const running = await acquire(LIMIT);
      await wait('interactive', LIMIT, 'large');
      await wait('interactive', 1, 'small');
      running.permit.settle();
      await pass(1_000);
      expect(order.slice(1)).toEqual(['large']);
    });

    it('let interactive go first when both wait', async () => {
      const running = await acquire(LIMIT);
      await wait('bulk', 5, 'bulk');
      await wait('interactive', 5, 'interactive');
      running.permit.cancel();
      await flush();
      expect(order.slice(1)).toEqual(['interactive', 'bulk']);
    });

    it('hold bulk back while an interactive call waits to fit', async () => {
      const [running] = [await acquire(5), await acquire(4)];
      const interactive = await wait('interactive', 6, 'interactive');
      const bulk = await wait('bulk', 1, 'bulk');
      expect([interactive.outcome, bulk.outcome]).toEqual([undefined, undefined]);
      running.permit.cancel();
      await flush();
      expect([interactive.outcome, bulk.outcome]).toEqual(['admitted', undefined]);
    });

    it('hold interactive back once bulk has earned its head, until that fits', async () => {
      await acquire(9);
      const bulk = await wait('bulk', 2, 'bulk');
      for (let n = 0; n < 8; n += 1) (await wait('interactive', 1, `i${n}`)).permit.cancel();
      expect((await wait('interactive', 1, 'held')).outcome).toBeUndefined();
      expect(bulk.outcome).toBeUndefined();
      expect(order).toHaveLength(9);
    });

    it('hold interactive back ten seconds after bulk was first passed over', async () => {
      const running = await acquire(9);
      const bulk = await wait('bulk', 2, 'bulk');
      (await wait('interactive', 1, '')).permit.cancel();
      await pass(9_999);
      (await wait('interactive', 1, '')).permit.cancel();
      await pass(1);
      const interactive = await wait('interactive', 1, 'interactive');
      expect(interactive.outcome).toBeUndefined();
      running.permit.cancel();
      await flush();
      expect([bulk.outcome, interactive.outcome]).toEqual(['admitted', 'admitted']);
      expect(order.slice(-2)).toEqual(['bulk', 'interactive']);
    });

    it('give the turn to bulk after ten seconds without another call to wake them', async () => {
      await acquire(8);
      const blocker = await acquire(1);
      const bulk = await wait('bulk', 2, 'bulk');
      (await wait('interactive', 1, '')).permit.settle();
      await pass(5_000);
      await wait('interactive', LIMIT, 'large');
      blocker.permit.cancel();
      await pass(4_999);
      expect(bulk.outcome).toBeUndefined();
      await pass(1);
      expect(bulk.outcome).toBe('admitted');
    });
  });

  describe('the queue', () => {
    it('is bounded in each lane of each bucket by itself', async () => {
      const running = await acquire(LIMIT);
      for (let n = 0; n < 5; n += 1) await acquire(1, { lane: 'bulk' });
      expect((await acquire(1, { lane: 'bulk' })).outcome).toBe('MIMC_QUEUE_FULL');
      await limiter.acquire('topics', 2, { lane: 'bulk' });
      const topics = limiter.acquire('topics', 1, { lane: 'bulk' });
      const interactive = await acquire(1);
      expect(limiter.status('accounts').queued).toBe(6);
      running.permit.cancel();
      await flush();
      expect(interactive.outcome).toBe('admitted');
      limiter.close();
      await expect(topics).rejects.toMatchObject({ code: 'MIMC_CLOSED' });
    });

    it('takes calls that ignore its bound, and does not count them', async () => {
      const running = await acquire(LIMIT);
      const bounded = { lane: 'bulk', ignoresMaxQueued: true } as const;
      for (let n = 0; n < 7; n += 1) await acquire(1, bounded);
      for (let n = 0; n < 5; n += 1) await acquire(1, { lane: 'bulk' });
      expect((await acquire(1, { lane: 'bulk' })).outcome).toBe('MIMC_QUEUE_FULL');
      const last = await acquire(1, bounded);
      expect(limiter.status('accounts').queued).toBe(13);
      running.permit.cancel();
      await pass(1_000);
      expect(last.outcome).toBeUndefined();
    });

    it('does not count a call that is admitted at once', async () => {
      limiter = new SlidingWindowLimiter({ limits: { accounts: LIMIT }, maxQueued: 0 });
      expect((await acquire(LIMIT)).outcome).toBe('admitted');
      expect((await acquire(1)).outcome).toBe('MIMC_QUEUE_FULL');
    });

    it('lets the next one move up when its head is aborted', async () => {
      await acquire(9);
      const controller = new AbortController();
      const head = await acquire(2, { signal: controller.signal });
      const next = await acquire(1);
      controller.abort('enough');
      await flush();
      expect([head.outcome, next.outcome]).toEqual(['enough', 'admitted']);
    });

    it('admits nobody whose signal is aborted, though many share it', async () => {
      await acquire(9);
      const controller = new AbortController();
      const calls = [2, 1, 1].map((units) => acquire(units, { signal: controller.signal }));
      const [free] = [await acquire(1)];
      controller.abort('enough');
      await flush();
      expect((await Promise.all(calls)).map((call) => call.outcome)).toEqual(['enough', 'enough', 'enough']);
      expect(free.outcome).toBe('admitted');
    });

    it('puts one listener on a signal and takes it off again', async () => {
      const { signal } = new AbortController();
      const [add, remove] = [jest.spyOn(signal, 'addEventListener'), jest.spyOn(signal, 'removeEventListener')];
      const running = await acquire(LIMIT);
      await Promise.all([1, 2, 3].map((units) => acquire(units, { signal })));
      running.permit.cancel();
      await flush();
      expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
    });

    it('is not joined with an aborted signal, even when there is room', async () => {
      expect((await acquire(1, { signal: AbortSignal.abort('before') })).outcome).toBe('before');
      expect(limiter.status('accounts').usedUnits).toBe(0);
    });
  });

  describe('a deadline', () => {
    it('that has passed refuses at once, even when there is room', async () => {
      expect((await acquire(1, deadlineIn(0))).outcome).toBe('MIMC_DEADLINE');
    });

    it('refuses at once when a penalty outlasts it', async () => {
      limiter.penalize('accounts', 1_000);
      expect((await acquire(1, deadlineIn(1_000))).outcome).toBe('MIMC_DEADLINE');
      expect((await acquire(1, deadlineIn(1_001))).outcome).toBeUndefined();
    });

    it('refuses at once when the units ahead alone take too long', async () => {
      (await acquire(LIMIT)).permit.settle();
      await acquire(LIMIT);
      await acquire(4);
      expect((await acquire(6, deadlineIn(2_000))).outcome).toBe('MIMC_DEADLINE');
      expect((await acquire(7, deadlineIn(3_000))).outcome).toBe('MIMC_DEADLINE');
      expect((await acquire(6, deadlineIn(2_001))).outcome).toBeUndefined();
    });

    it('rejects a waiting call when it passes, and the next one moves up', async () => {
      await acquire(9);
      const head = await acquire(2, deadlineIn(1_500));
      const next = await acquire(1);
      await pass(1_499);
      expect([head.outcome, next.outcome]).toEqual([undefined, undefined]);
      await pass(1);
      expect([head.outcome, next.outcome]).toEqual(['MIMC_DEADLINE', 'admitted']);
    });

    it('may be further off than a timer can reach', async () => {
      await acquire(LIMIT);
      const waiting = await acquire(1, deadlineIn(3 * 2 ** 31));
      await pass(2 ** 31 + 10);
      expect(waiting.outcome).toBeUndefined();
    });
  });

  describe('a penalty', () => {
    it('admits nothing until it ends, the later of two', async () => {
      limiter.penalize('accounts', 2_000);
      limiter.penalize('accounts', 500);
      const waiting = await acquire(1);
      expect(limiter.status('accounts')).toMatchObject({ queued: 1, resumesInMs: 2_000 });
      await pass(1_999);
      expect(waiting.outcome).toBeUndefined();
      await pass(1);
      expect(waiting.outcome).toBe('admitted');
    });

    it.each([-1, 0, NaN])('of %p ms is none', async (ms) => {
      limiter.penalize('accounts', ms);
      expect((await acquire(1)).outcome).toBe('admitted');
      expect(limiter.status('accounts').resumesInMs).toBe(0);
    });

    it('keeps those who wait waiting', async () => {
      (await acquire(LIMIT)).permit.settle();
      const waiting = await acquire(1);
      limiter.penalize('accounts', 60_000);
      await pass(59_999);
      expect(waiting.outcome).toBeUndefined();
      await pass(1);
      expect(waiting.outcome).toBe('admitted');
    });
  });

  describe('when closed', () => {
    it('refuses those who wait and those who come, twice the same', async () => {
      const running = await acquire(LIMIT);
      const waiting = [await acquire(1), await acquire(1, { lane: 'bulk', ...deadlineIn(5_000) })];
      limiter.close();
      limiter.close();
      await flush();
      const late = await acquire(1);
      expect([...waiting, late].map((call) => call.outcome)).toEqual(['MIMC_CLOSED', 'MIMC_CLOSED', 'MIMC_CLOSED']);
      running.permit.settle();
      expect(limiter.status('accounts')).toEqual({ queued: 0, usedUnits: LIMIT, resumesInMs: 0 });
    });
  });

  it('has no timer while nobody waits, though units are still to expire', async () => {
    (await acquire(LIMIT)).permit.settle();
    expect(jest.getTimerCount()).toBe(0);
    const waiting = await acquire(1);
    expect(jest.getTimerCount()).toBe(1);
    await pass(1_000);
    expect(waiting.outcome).toBe('admitted');
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([
    [{ limits: { accounts: 0 }, maxQueued: 1 }, 'accounts'],
    [{ limits: { accounts: 1.5 }, maxQueued: 1 }, 'accounts'],
    [{ limits: { accounts: 1 }, maxQueued: -1 }, 'maxQueued'],
  ])('cannot be made of %p', (options, key) => {
    expect(() => new SlidingWindowLimiter(options)).toThrow(key);
  });

  it('knows no bucket but those it was made with', async () => {
    await expect(limiter.acquire('constructor', 1, { lane: 'bulk' })).rejects.toMatchObject({ code: 'MIMC_CONFIG' });
  });
});

/** Lets promises run their course. */
async function flush(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}
