import { checkFault, type EmulatorFault } from './faults.js';

/** A random mix of faults, the same for the same seed: request n of two runs meets the same fault. */
export interface MimcEmulatorChaos {
  /** Any integer; its low 32 bits count. */
  readonly seed: number;
  /** Share of requests that meet a fault, 0 to 1. */
  readonly rate: number;
  /** The faults to draw from, each as likely as the next; list one twice to double it. Default {@link CHAOS_FAULTS}. */
  readonly faults?: readonly EmulatorFault[] | undefined;
}

/** The default mix: every kind of fault, delays of at most 50 ms, answers lost with the message accepted and without. */
export const CHAOS_FAULTS: readonly EmulatorFault[] = [
  { kind: 'code', code: 429 },
  { kind: 'code', code: 429, httpStatus: 429, retryAfter: '0' },
  { kind: 'code', code: 500, message: 'push fail' },
  { kind: 'code', code: 500, message: 'push fail', httpStatus: 500 },
  { kind: 'code', code: 500, message: 'push fail', httpStatus: 500, accepted: true },
  { kind: 'code', code: 200, httpStatus: 500 },
  { kind: 'status', status: 302, location: '/elsewhere' },
  { kind: 'status', status: 404 },
  { kind: 'status', status: 408 },
  { kind: 'status', status: 408, accepted: true },
  { kind: 'status', status: 503, headers: { 'retry-after': '0' } },
  { kind: 'status', status: 503, accepted: true },
  { kind: 'html' },
  { kind: 'html', status: 504, accepted: true },
  { kind: 'html', status: 200, accepted: true },
  { kind: 'delay', ms: 20 },
  { kind: 'delay', ms: 50 },
  { kind: 'hang' },
  { kind: 'hang', accepted: false },
  { kind: 'stall' },
  { kind: 'stall', accepted: false },
  { kind: 'dribble', everyMs: 5 },
  { kind: 'dribble', everyMs: 5, accepted: false },
  { kind: 'reset', when: 'before-read' },
  { kind: 'reset', when: 'after-read' },
  { kind: 'reset', when: 'after-read', accepted: false },
  { kind: 'truncate', cut: 'json' },
  { kind: 'truncate', cut: 'json', accepted: false },
  { kind: 'truncate', cut: 'connection' },
  { kind: 'truncate', cut: 'connection', accepted: false },
  { kind: 'empty' },
  { kind: 'empty', status: 204, accepted: false },
  { kind: 'garbage' },
  { kind: 'garbage', bytes: 4096, accepted: false },
  { kind: 'split' },
  { kind: 'body', body: '{"code":200,"data":null,"message":"success"}' },
  { kind: 'body', body: '{"code":200,"data":null,"message":"success"}', accepted: false },
  { kind: 'body', body: '{"code":"200","data":{"packetId":7},"message":null}' },
  { kind: 'body', body: '[]', accepted: false },
  { kind: 'echo', form: 'raw' },
  { kind: 'echo', form: 'json' },
  { kind: 'echo', form: 'url' },
  { kind: 'close-idle' },
  { kind: 'close-idle', afterMs: 5 },
  { kind: 'close-idle', announce: true },
];

/** Draws faults with a seeded generator, two numbers per draw whatever comes of it, so that draw n depends on n alone. */
export class RandomFaults {
  readonly #next: () => number;
  readonly #rate: number;
  readonly #faults: readonly EmulatorFault[];

  constructor({ seed, rate, faults = CHAOS_FAULTS }: MimcEmulatorChaos) {
    if (!Number.isSafeInteger(seed)) throw new TypeError('chaos.seed must be an integer');
    if (!(rate >= 0 && rate <= 1)) throw new TypeError('chaos.rate must be a number from 0 to 1');
    if (faults.length === 0) throw new TypeError('chaos.faults must not be empty');
    this.#next = mulberry32(seed);
    this.#rate = rate;
    this.#faults = faults.map(checkFault);
  }

  draw(): EmulatorFault | undefined {
    const hit = this.#next() < this.#rate;
    const fault = this.#faults[Math.floor(this.#next() * this.#faults.length)];
    return hit ? fault : undefined;
  }
}

/** Mulberry32: a public-domain 32-bit generator by Tommy Ettinger; returns numbers from 0 up to but not including 1. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
