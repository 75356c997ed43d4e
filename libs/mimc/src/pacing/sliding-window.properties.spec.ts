import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { MimcError } from '../errors/mimc-error.js';
import type { MimcLane, MimcPermit } from './rate-limiter.js';
import { SlidingWindowLimiter } from './sliding-window.limiter.js';

/** Long enough to shrink a counterexample. */
/** A timer of Node's may ring this much early; what the limiter does about it must still be done this soon. */
const TIMER_MS = 1;

/** Time for the limiter and the test alike. Timers cut fractions off and ring up to a millisecond early, as Node's do. */
class VirtualClock {
  now = 0;
  #events = new Map<number, { at: number; run: () => void }>();
  #id = 0;

  at(at: number, run: () => void): number {
    this.#events.set((this.#id += 1), { at: Math.max(at, this.now), run });
    return this.#id;
  }

  setTimeout = (run: () => void, ms: number) =>
    this.at(this.now + Math.max(1, Math.trunc(ms)) - ((this.now * 7) % 1), run);
  clearTimeout = (id: number | undefined) => id !== undefined && this.#events.delete(id);

  get pending(): number {
    return this.#events.size;
  }

  /** Runs all events up to `end`, promises after each; `afterEach` looks at the result. */
  async run(end: number, afterEach: () => void = () => {}): Promise<void> {
    for (;;) {
      let [next, first] = [-1, { at: end, run: () => {} }];
      for (const [id, event] of this.#events) if (event.at < first.at) [next, first] = [id, event];
      this.now = first.at;
      if (next < 0) return;
      this.#events.delete(next);
      first.run();
      await settled;
      await settled;
      await settled;
      afterEach();
    }
  }
}

const settled = Promise.resolve();

/** As `expect`, but cheap enough for every step of thousands of schedules. */
function must(kept: boolean, rule: string): void {
  if (!kept) throw new Error(`A limiter ${rule}`);
}

function mustBeTimely({ reason, settledAt, at, abortAfter = NaN, deadlineAfter = NaN }: Call): void {
  const waited = settledAt - at;
  if (reason instanceof AbortController)
    return must(Math.abs(waited - abortAfter) < 1e-6, 'rejects as the signal aborts');
  must(
    MimcError.is(reason) && reason.code === 'MIMC_DEADLINE' && reason.outcome === 'not-sent',
    'rejects for a reason',
  );
  must(waited === 0 || waited > deadlineAfter - 1e-6, 'rejects at the deadline or at once');
  must(waited < deadlineAfter + TIMER_MS + 1e-6, 'rejects in time');
}

/** One call: when it comes, what it costs, and what happens to it. */
interface Plan {
  at: number;
  lane: MimcLane;
  units: number;
  /** From dispatch to answer; the arrival lies in between, at this fraction. */
  rtt: number;
  arrival: number;
  fate: 'answered' | 'cancelled';
  abortAfter?: number | undefined;
  deadlineAfter?: number | undefined;
}

interface Call extends Plan {
  state: 'new' | 'waiting' | 'admitted' | 'rejected';
  settledAt: number;
  reason?: unknown;
}

/**
 * Runs plans through a limiter and checks every step against the rules, stated here in another way: from the list of all
 * calls, without queues or credit that could share a mistake with the code.
 */
class Simulation {
  readonly calls: Call[] = [];
  readonly grants: { at: number; call: Call; bulkWaited: boolean }[] = [];
  readonly failures: unknown[] = [];
  readonly limiter: SlidingWindowLimiter;
  /** When each held unit count becomes free: `Infinity` while the request is in flight. */
  readonly #queues: Record<MimcLane, Call[]> = { interactive: [], bulk: [] };
  readonly #held = new Map<Call, number>();
  #resumesAt = 0;
  #earned = 0;
  #passedOverAt = Infinity;

  constructor(
    readonly clock: VirtualClock,
    readonly limit: number,
  ) {
    this.limiter = new SlidingWindowLimiter({ limits: { b: limit }, maxQueued: 10_000 });
  }

  plan(plan: Plan): void {
    this.clock.at(plan.at, () => this.#start(plan));
  }

  penalty(at: number, forMs: number): void {
    this.clock.at(at, () => {
      this.limiter.penalize('b', forMs);
      this.#resumesAt = Math.max(this.#resumesAt, this.clock.now + forMs);
    });
  }

  #start(plan: Plan): void {
    const { clock } = this;
    const call: Call = { ...plan, state: 'new', settledAt: NaN };
    this.calls.push(call);
    const controller = new AbortController();
    const deadlineAt = plan.deadlineAfter === undefined ? undefined : clock.now + plan.deadlineAfter;
    const promise = this.limiter.acquire('b', plan.units, { lane: plan.lane, signal: controller.signal, deadlineAt });
    // In line behind those the limiter admitted before it looked at this call.
    queueMicrotask(() => {
      call.state = 'waiting';
      this.#queues[plan.lane].push(call);
    });
    promise
      .then(
        (permit) => this.#admitted(call, permit),
        (reason: unknown) => this.#rejected(call, reason),
      )
      .catch((failure: unknown) => this.failures.push(failure));
    if (plan.abortAfter !== undefined) clock.at(clock.now + plan.abortAfter, () => controller.abort(controller));
  }

  #admitted(call: Call, permit: MimcPermit): void {
    const { now } = this.clock;
    must(call.state === 'waiting', 'settles once');
    must(now >= this.#resumesAt, 'admits nothing during a penalty');
    must(now < call.at + (call.deadlineAfter ?? Infinity), 'admits nothing past its deadline');
    must(this.used(now) + call.units <= this.limit, 'never holds more than the limit');
    must(call === this.head(now), 'admits the head of the lane that has the turn');
    call.state = 'admitted';
    call.settledAt = now;
    const bulkWaits = this.waiting('bulk') !== undefined;
    this.grants.push({ at: now, call, bulkWaited: bulkWaits });
    if (call.lane === 'bulk') {
      this.#earned = bulkWaits ? Math.max(0, this.#earned - call.units) : 0;
      this.#passedOverAt = Infinity;
    } else if (bulkWaits) {
      this.#earned += call.units / 4;
      this.#passedOverAt = Math.min(this.#passedOverAt, now);
    }
    this.#held.set(call, Infinity);
    this.clock.at(now + call.rtt, () => {
      if (call.fate === 'cancelled') this.#held.delete(call);
      else this.#held.set(call, this.clock.now + 1_000);
      permit[call.fate === 'cancelled' ? 'cancel' : 'settle']();
      permit[call.rtt % 2 < 1 ? 'cancel' : 'settle']();
    });
  }

  #rejected(call: Call, reason: unknown): void {
    must(call.state === 'waiting', 'settles once');
    call.state = 'rejected';
    call.settledAt = this.clock.now;
    call.reason = reason;
    if (this.waiting('bulk') === undefined) [this.#earned, this.#passedOverAt] = [0, Infinity];
  }

  /** The call of `lane` that has waited longest. */
  waiting(lane: MimcLane): Call | undefined {
    const queue = this.#queues[lane];
    while (queue[0] !== undefined && queue[0].state !== 'waiting') queue.shift();
    return queue[0];
  }

  used(now: number): number {
    let used = 0;
    for (const [call, freeAt] of this.#held) {
      if (freeAt > now) used += call.units;
      else if (freeAt < this.clock.now - 10) this.#held.delete(call);
    }
    return used;
  }

  head(now: number): Call | undefined {
    const [interactive, bulk] = [this.waiting('interactive'), this.waiting('bulk')];
    if (bulk === undefined || interactive === undefined) {
      return interactive !== undefined && bulk === undefined ? interactive : bulk;
    }
    return this.#earned >= bulk.units || now - this.#passedOverAt >= 10_000 ? bulk : interactive;
  }

  /** Throws when a rule was broken: nobody who has the turn waits although there was room for it, allowing timers their millisecond. */
  check(): void {
    if (this.failures.length > 0) throw this.failures[0];
    const before = this.clock.now - TIMER_MS - 1e-6;
    const head = this.head(before);
    if (head === undefined || head !== this.head(this.clock.now) || before < this.#resumesAt) return;
    must(this.used(before) + head.units > this.limit, 'lets nobody wait without need');
  }
}

const laneOf = fc.constantFrom<MimcLane>('interactive', 'bulk');
const timeUpTo = (ms: number) => fc.oneof(fc.nat(ms), fc.double({ min: 0, max: ms, noNaN: true }));

const planOf = (limit: number): fc.Arbitrary<Plan> =>
  fc.record({
    at: timeUpTo(5_000),
    lane: laneOf,
    units: fc.integer({ min: 1, max: limit }),
    rtt: fc.oneof(fc.constant(0), timeUpTo(300), timeUpTo(3_000)),
    arrival: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    fate: fc.constantFrom('answered', 'answered', 'answered', 'cancelled'),
    abortAfter: fc.option(timeUpTo(3_000), { nil: undefined, freq: 4 }),
    deadlineAfter: fc.option(timeUpTo(6_000), { nil: undefined, freq: 3 }),
  });

const schedule = fc.integer({ min: 1, max: 20 }).chain((limit) =>
  fc.record({
    limit: fc.constant(limit),
    plans: fc.array(planOf(limit), { minLength: 1, maxLength: 30 }),
    penalties: fc.array(fc.tuple(timeUpTo(6_000), timeUpTo(2_000)), { maxLength: 3 }),
  }),
);

describe('SlidingWindowLimiter, whatever the schedule', () => {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  let clock = new VirtualClock();

  beforeAll(() => {
    jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
    Object.assign(globalThis, {
      setTimeout: (run: (...given: unknown[]) => void, ms: number, ...given: unknown[]) =>
        clock.setTimeout(() => run(...given), ms),
      clearTimeout: (id: number | undefined) => clock.clearTimeout(id),
    });
  });

  afterAll(() => {
    jest.restoreAllMocks();
    Object.assign(globalThis, real);
  });

  async function simulate(
    limit: number,
    arrange: (simulation: Simulation) => void,
    end = Infinity,
  ): Promise<Simulation> {
    clock = new VirtualClock();
    const simulation = new Simulation(clock, limit);
    arrange(simulation);
    await clock.run(end, () => simulation.check());
    return simulation;
  }

  it('keeps every rule, and no second at the server sees more than the quota', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ limit, plans, penalties }) => {
        const { calls, grants, limiter } = await simulate(limit, (simulation) => {
          for (const plan of plans) simulation.plan(plan);
          for (const [at, forMs] of penalties) simulation.penalty(at, forMs);
        });

        const arrivals = grants
          .filter(({ call }) => call.fate === 'answered')
          .map(({ at, call }) => ({ at: at + call.rtt * call.arrival, units: call.units }));
        for (const { at } of arrivals) {
          const inWindow = arrivals.filter((other) => other.at >= at && other.at < at + 1_000 - 1e-6);
          expect(inWindow.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(limit);
        }

        expect(calls).toHaveLength(plans.length);
        for (const call of calls) {
          expect(['admitted', 'rejected']).toContain(call.state);
          if (call.state === 'rejected') mustBeTimely(call);
        }
        expect(clock.pending).toBe(0);
        clock.now += 1_000;
        expect(limiter.status('b')).toEqual({ queued: 0, usedUnits: 0, resumesInMs: 0 });
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses for its deadline at once only a call that would indeed have waited longer', async () => {
    const patient = schedule.map(({ limit, plans, penalties }) => ({
      limit,
      penalties,
      others: plans.map(
        (plan) => ({ ...plan, fate: 'answered', abortAfter: undefined, deadlineAfter: undefined }) as const,
      ),
    }));
    await fc.assert(
      fc.asyncProperty(patient, timeUpTo(4_000), timeUpTo(4_000), laneOf, async (given, at, deadlineAfter, lane) => {
        const { limit, others, penalties } = given;
        const mine: Plan = { at, lane, units: (others.length % limit) + 1, rtt: 0, arrival: 0, fate: 'answered' };
        // A penalty that begins later only makes it wait longer still.
        const run = async (plan: Plan) => {
          const { calls } = await simulate(limit, (simulation) => {
            for (const [begins, forMs] of penalties) simulation.penalty(begins, forMs);
            for (const other of others) simulation.plan(other);
            simulation.plan(plan);
          });
          return calls.find(
            (call) => call.rtt === 0 && call.at === at && call.lane === lane && call.units === mine.units,
          );
        };
        const hasty = await run({ ...mine, deadlineAfter });
        if (hasty?.state !== 'rejected' || hasty.settledAt > at) return;
        const waited = await run(mine);
        expect(waited?.settledAt).toBeGreaterThanOrEqual(at + deadlineAfter);
      }),
      { numRuns: 1_500 },
    );
  });

  interface Flood {
    limit: number;
    weights: Record<MimcLane, number[]>;
    rtts: number[];
  }

  const floodOf = (maxRtt: number): fc.Arbitrary<Flood> =>
    fc.integer({ min: 1, max: 12 }).chain((limit) => {
      const weights = fc.array(fc.integer({ min: 1, max: limit }), { minLength: 1, maxLength: 4 });
      return fc.record({
        limit: fc.constant(limit),
        weights: fc.record({ interactive: weights, bulk: weights }),
        rtts: fc.array(timeUpTo(maxRtt), { minLength: 1, maxLength: 5 }),
      });
    });

  /** Both lanes full from the start and for `seconds`; what was granted while bulk waited. */
  async function flood({ limit, weights, rtts }: Flood, seconds: number) {
    const plansOf = (lane: MimcLane) => {
      const plans: Plan[] = [];
      for (let [n, units] = [0, 0]; units < limit * seconds; n += 1) {
        const weight = weights[lane][n % weights[lane].length] ?? 1;
        units += weight;
        plans.push({ at: 0, lane, units: weight, rtt: rtts[n % rtts.length] ?? 0, arrival: 0, fate: 'answered' });
      }
      return plans;
    };
    const { grants } = await simulate(
      limit,
      (simulation) => {
        for (const plan of [...plansOf('bulk'), ...plansOf('interactive')]) simulation.plan(plan);
      },
      seconds * 1_000,
    );
    return grants
      .filter(({ bulkWaited }) => bulkWaited)
      .map(({ at, call }) => ({ at, lane: call.lane, units: call.units }));
  }

  it('grants bulk a tenth of every stretch of 8W + 2U units or more', async () => {
    await fc.assert(
      fc.asyncProperty(floodOf(500), async (given) => {
        const grants = await flood(given, 25);
        const enough = 8 * Math.max(...given.weights.bulk) + 2 * Math.max(...given.weights.interactive);
        for (let from = 0; from < grants.length; from += 1) {
          const granted = { interactive: 0, bulk: 0 };
          for (const { lane, units } of grants.slice(from)) {
            granted[lane] += units;
            if (granted.bulk + granted.interactive < enough) continue;
            must(granted.bulk * 9 >= granted.interactive, `grants bulk a tenth, not ${JSON.stringify(granted)}`);
          }
        }
        expect(grants.some(({ lane }) => lane === 'interactive')).toBe(true);
      }),
      { numRuns: 250 },
    );
  });

  it('grants chunks of a fifth of the quota a tenth of any ten seconds, whatever interactive calls cost', async () => {
    const chunked = fc.integer({ min: 1, max: 10 }).chain((fifth) =>
      fc.record({
        limit: fc.constant(5 * fifth),
        weights: fc.record({
          interactive: fc.array(fc.integer({ min: 1, max: 5 * fifth }), { minLength: 1, maxLength: 5 }),
          bulk: fc.array(fc.integer({ min: 1, max: fifth }), { minLength: 1, maxLength: 5 }),
        }),
        rtts: fc.array(timeUpTo(200), { minLength: 1, maxLength: 5 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(chunked, async (given) => {
        const grants = await flood(given, 25);
        const end = grants.at(-1)?.at ?? 0;
        expect(end).toBeGreaterThan(11_000);
        for (const { at } of grants.filter((grant) => grant.at + 10_000 < end)) {
          const granted = { interactive: 0, bulk: 0 };
          for (const grant of grants) if (grant.at >= at && grant.at < at + 10_000) granted[grant.lane] += grant.units;
          expect(granted.bulk / (granted.bulk + granted.interactive)).toBeGreaterThanOrEqual(0.1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('keeps bulk moving when answers are slow', async () => {
    await fc.assert(
      fc.asyncProperty(floodOf(20_000), async (given) => {
        const grants = await flood(given, 120);
        const toFit = Math.max(...given.rtts) + 1_000 + TIMER_MS;
        let last = 0;
        for (const { at } of grants.filter(({ lane }) => lane === 'bulk')) {
          expect(at - last).toBeLessThanOrEqual(10_000 + 2 * toFit + TIMER_MS);
          last = at;
        }
        expect(last).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });

  it.each([1, 5, 10])(
    'lets %d single pushes a second wait less than 1.1 s at p99 next to chunks of 10 of 50',
    async (rate) => {
      let seed = rate;
      const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
      const rtt = () => 20 + 60 * random();
      const { calls } = await simulate(
        50,
        (simulation) => {
          for (let n = 0; n < 300; n += 1) {
            simulation.plan({ at: 0, lane: 'bulk', units: 10, rtt: rtt(), arrival: 0, fate: 'answered' });
          }
          for (let at = 0; at < 50_000; at += (-Math.log(1 - random()) * 1_000) / rate) {
            simulation.plan({ at, lane: 'interactive', units: 1, rtt: rtt(), arrival: 0, fate: 'answered' });
          }
        },
        51_000,
      );
      const waits = calls.filter(({ lane }) => lane === 'interactive').map(({ at, settledAt }) => settledAt - at);
      expect(waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)]).toBeLessThan(1_100);
      expect(calls.filter(({ lane, state }) => lane === 'bulk' && state === 'waiting').length).toBeGreaterThan(0);
    },
  );
});
