import { clients } from './clients.js';
import type { Figures, Job } from './measure.js';
import { run } from './processes.js';

/** A table of the report: what is measured in turn. */
export interface Section {
  title: string;
  about: string;
  rounds: number;
  jobs: readonly Job[];
  columns: readonly Column[];
}

export interface Column {
  head: string;
  /** Which figure it shows. */
  figure: string;
  digits: number;
  /** Shows the figure over that of this row. */
  over?: string;
}

/** How much is measured. */
export interface Size {
  rounds: number;
  /** Of a client in a round, and before it, so that its code is compiled: the first thousands cost twice as much. */
  calls: number;
  warmUp: number;
  limiterRounds: number;
  people: number;
  broadcastRounds: number;
  /** How often memory is measured, which takes five times as many people as well. */
  memoryRounds: number;
  imports: number;
}

export const FULL: Size = {
  rounds: 5,
  calls: 6_000,
  warmUp: 4_000,
  limiterRounds: 3,
  people: 1_000_000,
  broadcastRounds: 3,
  memoryRounds: 3,
  imports: 10,
};

export const QUICK: Size = {
  rounds: 3,
  calls: 2_000,
  warmUp: 4_000,
  limiterRounds: 1,
  people: 1_000_000,
  broadcastRounds: 3,
  memoryRounds: 0,
  imports: 5,
};

const IN_FLIGHT = 50;
const PLAIN = 'plain loop';

/** Who sends, from which source. */
const BROADCASTS = [
  ['library', 'ids'],
  ['undici', 'ids'],
  ['library', 'pages'],
  ['undici', 'pages'],
] as const;

/** Everything that is measured, in the order of the report. */
export function sections(stub: string, size: Size): Section[] {
  return [
    manyAtATime(stub, size),
    oneAtATime(stub, size),
    batch(size),
    limiters(size),
    broadcasts(stub, size),
    ...(size.memoryRounds > 0 ? [memory(stub, size)] : []),
    imports(size),
    peers,
  ];
}

function clientJob(name: string, ...args: unknown[]): Job {
  return { name, run: () => run<Figures>('./client-process.js', [name, ...args]) };
}

function manyAtATime(stub: string, { rounds, calls, warmUp }: Size): Section {
  return {
    title: `${IN_FLIGHT} in flight`,
    about: `Calls with ${IN_FLIGHT} always in flight. CPU is that of the client's process, all its threads; the last column is the CPU of the stub, in cores.`,
    rounds,
    jobs: clients.map(({ name, recipients }) => {
      const share = recipients < 1_000 ? 1 : 1 / 4;
      return clientJob(name, stub, calls * share, warmUp * share, IN_FLIGHT);
    }),
    columns: [
      { head: 'calls/s', figure: 'rate', digits: 0 },
      { head: '× plain', figure: 'rate', digits: 2, over: PLAIN },
      { head: 'CPU µs/call', figure: 'cpu', digits: 1 },
      { head: '× plain', figure: 'cpu', digits: 2, over: PLAIN },
      { head: 'p50 ms', figure: 'p50', digits: 2 },
      { head: 'p99 ms', figure: 'p99', digits: 2 },
      { head: 'RSS MB', figure: 'rss', digits: 0 },
      { head: 'stub', figure: 'stub', digits: 2 },
    ],
  };
}

function oneAtATime(stub: string, { rounds, calls, warmUp }: Size): Section {
  return {
    title: 'one at a time',
    about: 'A call begins when the one before has ended.',
    rounds,
    jobs: [PLAIN, 'node:http', 'toAccount'].map((name) => clientJob(name, stub, calls / 2, warmUp, 1)),
    columns: [
      { head: 'p50 ms', figure: 'p50', digits: 3 },
      { head: '× node:http', figure: 'p50', digits: 2, over: 'node:http' },
      { head: 'p99 ms', figure: 'p99', digits: 3 },
      { head: 'CPU µs/call', figure: 'cpu', digits: 1 },
    ],
  };
}

function batch({ rounds }: Size): Section {
  return {
    title: 'a batch without a network',
    about:
      'CPU of `toAccounts` with 1,000 recipients through a dispatcher that answers at once, of JSON.stringify of its body and of JSON.parse of its answer, in turn in one process. `rest` is the call without both; the last column is the call less the same body and answer by `axiosRef on undici`.',
    rounds,
    jobs: [{ name: 'toAccounts of 1000', run: () => run<Figures>('./batch-process.js', [1_000]) }],
    columns: [
      { head: 'call µs', figure: 'call', digits: 1 },
      { head: 'JSON.stringify µs', figure: 'stringify', digits: 1 },
      { head: 'JSON.parse µs', figure: 'parse', digits: 1 },
      { head: 'rest µs', figure: 'rest', digits: 1 },
      { head: 'over axiosRef µs', figure: 'overBare', digits: 1 },
    ],
  };
}

function limiters({ limiterRounds }: Size): Section {
  const job = (name: string, what: string, ...args: unknown[]): Job => ({
    name: `${name}, ${what}`,
    run: () => run<Figures>('./limiter-process.js', [name, ...args]),
  });
  return {
    title: 'limiter',
    about:
      'CPU of an admission, its promise awaited: when nobody waits, and while this many others wait. The worst window is the most that was admitted in any second, over the quota. bottleneck takes several timers for each admission, so it is measured only when nobody waits.',
    rounds: limiterRounds,
    jobs: [
      job('SlidingWindowLimiter', 'idle', 0, 200_000),
      job('SlidingWindowLimiter', '1 waiting', 1, 10_000),
      job('SlidingWindowLimiter', '1000 waiting', 1_000, 10_000),
      job('SlidingWindowLimiter', '100000 waiting', 100_000, 100_000),
      job('SlidingWindowLimiter', 'worst window', 'window'),
      job('rate-limiter-flexible', 'idle', 0, 200_000),
      job('rate-limiter-flexible', '1 waiting', 1, 10_000),
      job('rate-limiter-flexible', '1000 waiting', 1_000, 10_000),
      job('rate-limiter-flexible', 'worst window', 'window'),
      job('bottleneck', 'idle', 0, 200),
      job('bottleneck', 'worst window', 'window'),
    ],
    columns: [
      { head: 'CPU µs/admission', figure: 'cpu', digits: 2 },
      { head: 'worst window', figure: 'worst', digits: 3 },
    ],
  };
}

function broadcasts(stub: string, { people, broadcastRounds }: Size): Section {
  return {
    title: 'broadcast',
    about: `To ${people.toLocaleString('en')} recipients in chunks of 100, 32 at a time, quota off, from an async generator of single ids or of pages of 1,000; \`undici\` is a loop written by hand.`,
    rounds: broadcastRounds,
    jobs: BROADCASTS.map(([by, from]) => ({
      name: `${by}, ${from}`,
      run: () => run<Figures>('./broadcast-process.js', [by, from, stub, people]),
    })),
    columns: [
      { head: 'recipients/s', figure: 'rate', digits: 0 },
      { head: 'CPU µs/recipient', figure: 'cpu', digits: 2 },
      { head: 'peak RSS MB', figure: 'rss', digits: 0 },
    ],
  };
}

function memory(stub: string, { people, memoryRounds }: Size): Section {
  return {
    title: 'memory',
    about: 'The same to one audience and to one five times as long.',
    rounds: memoryRounds,
    jobs: BROADCASTS.flatMap(([by, from]) =>
      [people, people * 5].map((count) => ({
        name: `${by}, ${from} to ${count / 1_000_000}M`,
        run: () => run<Figures>('./broadcast-process.js', [by, from, stub, count]),
      })),
    ),
    columns: [{ head: 'peak RSS MB', figure: 'rss', digits: 0 }],
  };
}

function imports(size: Size): Section {
  return {
    title: 'cold start',
    about:
      'Importing the core entry in a fresh process, the peers that an application has anyway, and these and then the core entry, over what they took in the same process.',
    rounds: size.imports,
    jobs: ['library', 'peers', 'both'].map(importJob),
    columns: [
      { head: 'wall ms', figure: 'wall', digits: 0 },
      { head: '× peers', figure: 'wallRatio', digits: 3 },
      { head: 'CPU ms', figure: 'cpu', digits: 0 },
      { head: '× peers', figure: 'cpuRatio', digits: 3 },
    ],
  };
}

const peers: Section = {
  title: 'optional peers',
  about: 'Importing the core entry where importing an optional peer fails; those loaded by `require` are counted.',
  rounds: 1,
  jobs: [importJob('barred')],
  columns: [{ head: 'loaded', figure: 'loaded', digits: 0 }],
};

function importJob(name: string): Job {
  return { name, run: () => run<Figures>('./import-process.js', [name]) };
}
