import { MimcEndpoint, MimcError, MimcErrorInit, MimcOutcome } from '../errors/mimc-error.js';
import type { AttemptFailure } from '../transport/reply.js';
import type { MimcTiming } from './receipts.js';
import type { CallReceipt } from './receipts.js';

const SEVERITY: Readonly<Record<MimcOutcome, number>> = { 'not-sent': 0, refused: 1, unknown: 2 };

/** What a call has been through so far: the one owner of its attempts, its time and its worst outcome. */
export class CallProgress {
  attempts = 0;
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

  /** An attempt failed: its code counts, and its outcome if it is the worst so far. */
  failed(failure: AttemptFailure): void {
    if (SEVERITY[failure.outcome] > SEVERITY[this.#worst]) this.#worst = failure.outcome;
    this.#last = failure;
  }

  /** The call ended between two attempts: that names its code, and what MIMC said last stays known. */
  ended(failure: AttemptFailure): void {
    this.failed({ ...this.#last, ...failure });
  }

  receipt(): CallReceipt {
    const { callId, attempts } = this;
    const { queuedMs, networkMs, backoffMs } = this.timing;
    const timing = { queuedMs: toMicros(queuedMs), networkMs: toMicros(networkMs), backoffMs: toMicros(backoffMs) };
    return { callId, attempts, timing, mayBeDuplicate: this.#worst === 'unknown' };
  }

  error(): MimcError {
    const { callId, endpoint, attempts } = this;
    const last: MimcErrorInit = this.#last ?? { code: 'MIMC_CLOSED', message: '', outcome: 'not-sent' };
    return new MimcError({ ...last, outcome: this.#worst, callId, endpoint, attempts });
  }
}

/** Cut to what the clock can tell. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
