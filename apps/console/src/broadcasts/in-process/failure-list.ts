import type { ChunkOutcome } from '../broadcast-pass.js';
import { type BroadcastFailure, MAX_LISTED } from '../broadcast-state.js';

/** The first failures of a broadcast. */
export class FailureList {
  readonly #failures: BroadcastFailure[] = [];
  #recipients = 0;
  #omitted = 0;

  /** Recipients that are not in it. */
  get omitted(): number {
    return this.#omitted;
  }

  add({ offset, recipients, error }: Extract<ChunkOutcome, { ok: false }>): void {
    if (this.#recipients + recipients.length > MAX_LISTED) {
      this.#omitted += recipients.length;
      return;
    }
    const { code, outcome, message } = error;
    this.#recipients += recipients.length;
    this.#failures.push({ offset, recipients: recipients.map(String), code, outcome, message });
  }

  toArray(): BroadcastFailure[] {
    return [...this.#failures];
  }
}
