import { MimcEndpoint, MimcError, MimcOutcome } from '../errors/mimc-error.js';
import type { AttemptFailure } from '../transport/reply.js';

/** Where the time of a call went, in milliseconds. */
export interface MimcTiming {
  /** Waiting for quota. */
  queuedMs: number;
  /** Attempts, from the beginning of the connection to the end of the reply. */
  networkMs: number;
  /** Between attempts. */
  backoffMs: number;
}

/** What every successful call reports. */
export interface CallReceipt {
  /** Id of the call, the same in every event of it. */
  callId: string;
  /** Requests made, the successful one included. */
  attempts: number;
  timing: MimcTiming;
  /** True when an earlier attempt may have been delivered too; only with `delivery: 'at-least-once'`. */
  mayBeDuplicate: boolean;
}

const SEVERITY: Readonly<Record<MimcOutcome, number>> = { 'not-sent': 0, refused: 1, unknown: 2 };

/** What a call has been through so far: the one owner of its attempts, its time and its worst outcome. */
export class CallProgress {
  attempts = 0;
  /** How often it looked for other credentials. */
  renewals = 0;
  readonly timing: MimcTiming = { queuedMs: 0, networkMs: 0, backoffMs: 0 };
  #worst: MimcOutcome = 'not-sent';
  #last: AttemptFailure | undefined;

  constructor(
    private readonly callId: string,
    private readonly endpoint: MimcEndpoint,
  ) {}

  /** Runs `step` and adds its duration to `part`. */
  async timed<T>(part: keyof MimcTiming, step: Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await step;
    } finally {
      this.timing[part] += performance.now() - begin;
    }
  }

  /** An attempt failed. The error of a call that ends here has its code, and its outcome if that is the worst so far. */
  failed(failure: AttemptFailure): MimcError {
    if (SEVERITY[failure.outcome] > SEVERITY[this.#worst]) this.#worst = failure.outcome;
    this.#last = failure;
    const { callId, endpoint, attempts } = this;
    return new MimcError({ ...failure, outcome: this.#worst, callId, endpoint, attempts });
  }

  /** The call ended between two attempts: that names its code, and what MIMC said last stays known. */
  ended(failure: AttemptFailure): MimcError {
    return this.failed({ ...this.#last, ...failure });
  }

  receipt(): CallReceipt {
    const { callId, attempts } = this;
    const { queuedMs, networkMs, backoffMs } = this.timing;
    const timing = { queuedMs: toMicros(queuedMs), networkMs: toMicros(networkMs), backoffMs: toMicros(backoffMs) };
    return { callId, attempts, timing, mayBeDuplicate: this.#worst === 'unknown' };
  }
}

/** Rounded to the precision of the clock. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
