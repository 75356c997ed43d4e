import { SlidingWindowLimiter } from '#mimc/index.js';
import Bottleneck from 'bottleneck';
import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';
import { cpuMicros, median } from './measure.js';
import { report } from './processes.js';

/** Measures one limiter: `<name> window | <name> <waiting> <admissions>`. */
process.on('disconnect', () => process.exit());

/** A limiter of one quota. */
interface Pacer {
  acquire: (units: number) => Promise<Permit>;
}

interface Permit {
  settle: () => void;
}

/** Of the limiters that count from the admission, not from the answer. */
const ADMITTED: Permit = { settle: () => {} };

const WINDOW_MS = 1_000;

/** Before it is measured, and of which the median counts: the collector of garbage comes when it likes. */
const WARM_UPS = 2;
const RUNS = 3;

const pacers: Readonly<Record<string, (limit: number) => Pacer>> = {
  SlidingWindowLimiter: (limit) => {
    const limiter = new SlidingWindowLimiter({ limits: { accounts: limit }, maxQueued: 1_000_000 });
    const options = { lane: 'interactive' } as const;
    return { acquire: (units) => limiter.acquire('accounts', units, options) };
  },
  'rate-limiter-flexible': (limit) => {
    const queue = new RateLimiterQueue(new RateLimiterMemory({ points: limit, duration: 1 }), {
      maxQueueSize: 1_000_000,
    });
    return { acquire: async (units) => (await queue.removeTokens(units), ADMITTED) };
  },
  bottleneck: (limit) => {
    const limiter = new Bottleneck({
      reservoir: limit,
      reservoirRefreshAmount: limit,
      reservoirRefreshInterval: WINDOW_MS,
    });
    return { acquire: (weight) => limiter.schedule({ weight }, () => Promise.resolve(ADMITTED)) };
  },
};

const [name = '', waiting, admissions] = process.argv.slice(2);
const chosen = pacers[name];
if (chosen === undefined) throw new Error(`There is no limiter '${name}'`);

/** CPU of an admission that need not wait, one after the other, in microseconds. */
async function idle(create: (limit: number) => Pacer, count: number): Promise<number> {
  const { acquire } = create(1_000_000_000);
  const before = cpuMicros();
  for (let index = 0; index < count; index += 1) (await acquire(1)).settle();
  return (cpuMicros() - before) / count;
}

/**
 * CPU of an admission that waits among `depth`, from the call until it is admitted, in microseconds. The quota is taken,
 * the calls come, and all are admitted when the window has passed. A limiter with a short queue is measured many at once.
 * All calls share one callback: an async function and a place in `Promise.all` for each would cost more than what is
 * measured.
 */
async function queued(create: (limit: number) => Pacer, depth: number, count: number): Promise<number> {
  const full = Array.from({ length: Math.ceil(count / depth) }, () => create(depth));
  await Promise.all(full.map(async ({ acquire }) => (await acquire(depth)).settle()));
  const before = cpuMicros();
  await new Promise<void>((resolve, reject) => {
    let left = full.length * depth;
    const admitted = (permit: Permit) => {
      permit.settle();
      left -= 1;
      if (left === 0) resolve();
    };
    for (const { acquire } of full) for (let index = 0; index < depth; index += 1) acquire(1).then(admitted, reject);
  });
  return (cpuMicros() - before) / (full.length * depth);
}

/**
 * The most units that were admitted within any window, over the limit. One call comes, the others when most of the window
 * has passed: a window that is not a sliding one ends soon after.
 */
async function worstWindow(create: (limit: number) => Pacer, limit: number): Promise<number> {
  const { acquire } = create(limit);
  const times: number[] = [];
  const call = async () => {
    const permit = await acquire(1);
    times.push(performance.now());
    permit.settle();
  };
  await call();
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MS * 0.8));
  await Promise.all(Array.from({ length: limit * 2 }, call));
  let worst = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) >= WINDOW_MS) first += 1;
    worst = Math.max(worst, last - first + 1);
  }
  return worst / limit;
}

async function measure(create: (limit: number) => Pacer): Promise<Record<string, number>> {
  if (waiting === 'window') return { worst: await worstWindow(create, 100) };
  const [depth, count] = [Number(waiting), Number(admissions)];
  const once = () => (depth === 0 ? idle(create, count) : queued(create, depth, count));
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp += 1) await once();
  const runs: number[] = [];
  while (runs.length < RUNS) runs.push(await once());
  return { cpu: median(runs) };
}

report(await measure(chosen));
