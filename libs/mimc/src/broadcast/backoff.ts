import { MAX_TIMER_MS } from '../validation/rules.js';
import { ConditionVariable } from './condition-variable.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Pauses a whole broadcast while transient failures last: for a second after the first one, twice as long after each that
 * follows, up to half a minute, until a chunk succeeds.
 */
export class Backoff {
  readonly #isOver = new ConditionVariable();
  #pauseMs = 0;
  #pause: NodeJS.Timeout | undefined;
  #giveUp: NodeJS.Timeout | undefined;
  #pauses = 0;

  constructor(private readonly giveUpAfterMs: number | false) {}

  /** Which pause was the last one: what {@link failed} is to be given for a chunk that is sent now. */
  get pauses(): number {
    return this.#pauses;
  }

  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** Resolves when no pause is on, or when the signal aborts. */
  async over(signal?: AbortSignal): Promise<void> {
    while (this.#pause !== undefined) {
      await this.#isOver.wait(signal);
      if (signal?.aborted) return;
    }
  }

  /**
   * A chunk failed.
   *
   * @param sentAfter the pause after which it was sent: chunks that were sent together make one pause, not many
   * @param atLeastMs what the server asked for
   * @param onGiveUp called when nothing has succeeded for long enough
   */
  failed(sentAfter: number, atLeastMs: number, onGiveUp: () => void): void {
    if (this.giveUpAfterMs !== false) this.#giveUp ??= setTimeout(onGiveUp, this.giveUpAfterMs);
    if (sentAfter !== this.#pauses) return;
    this.#pauses += 1;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#pause = setTimeout(() => this.#resume(), Math.min(MAX_TIMER_MS, Math.max(this.#pauseMs, atLeastMs)));
  }

  succeeded(): void {
    this.#pauseMs = 0;
    clearTimeout(this.#giveUp);
    this.#giveUp = undefined;
  }

  /** Wakes everything that waits, as the broadcast has been stopped. */
  end(): void {
    this.succeeded();
    this.#resume();
  }

  #resume(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#isOver.notifyAll();
  }
}
