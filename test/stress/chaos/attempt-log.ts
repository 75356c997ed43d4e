import { tracingChannel } from 'node:diagnostics_channel';
import type { MimcAttemptEvent, MimcOutcome } from 'nestjs-mimc';

/** How an attempt ended, by its event. */
export type AttemptEnd = 'success' | MimcOutcome;

/** Notes from the events how each attempt of each call ended. */
export class AttemptLog {
  readonly #ends = new Map<string, AttemptEnd[]>();
  readonly #channel = tracingChannel<unknown, MimcAttemptEvent>('mimc:attempt');
  readonly #listeners = {
    start() {},
    end() {},
    error() {},
    asyncStart() {},
    asyncEnd: ({ callId, error }: MimcAttemptEvent) => {
      const ends = this.#ends.get(callId) ?? [];
      this.#ends.set(callId, [...ends, error?.outcome ?? 'success']);
    },
  };

  constructor() {
    this.#channel.subscribe(this.#listeners);
  }

  endsOf(callId: string): readonly AttemptEnd[] {
    return this.#ends.get(callId) ?? [];
  }

  /** Forgets all; harmless when called twice. */
  stop(): void {
    this.#ends.clear();
    this.#channel.unsubscribe(this.#listeners);
  }
}
