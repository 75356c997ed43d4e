import { setImmediate } from 'node:timers/promises';

/** How long work may keep the event loop for itself, in milliseconds. */
const TURN_MS = 5;

/** Looks at the clock once in so many questions, as that costs more than a small piece of work. */
const PIECES = 16;

/** Divides long work, so that timers, signals and sockets get a turn of the event loop every few milliseconds. */
export class Turns {
  #endsAt = performance.now() + TURN_MS;
  #pieces = 0;

  /** Whether it is the turn of others. To be asked before each small piece of work. */
  get isOver(): boolean {
    this.#pieces += 1;
    return this.#pieces % PIECES === 0 && performance.now() >= this.#endsAt;
  }

  /** Resolves when others have had their turn. */
  async next(): Promise<void> {
    await setImmediate();
    this.#endsAt = performance.now() + TURN_MS;
  }
}
