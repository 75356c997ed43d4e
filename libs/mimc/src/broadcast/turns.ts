import { setImmediate } from 'node:timers/promises';

/** How long work may keep the event loop for itself, in milliseconds. */
const TURN_MS = 5;

/** Small pieces of work between two looks at the clock, each of which costs more than one of them. */
const PIECES = 16;

/** Divides long work, so that timers, signals and sockets get a turn of the event loop every few milliseconds. */
export class Turns {
  #endsAt = performance.now() + TURN_MS;
  #pieces = 0;

  /** Whether it is the turn of others, after `pieces` more small pieces of work. */
  isOver(pieces: number): boolean {
    this.#pieces += pieces;
    if (this.#pieces < PIECES) return false;
    this.#pieces = 0;
    return performance.now() >= this.#endsAt;
  }

  /** Resolves when others have had their turn. */
  async next(): Promise<void> {
    await setImmediate();
    this.#endsAt = performance.now() + TURN_MS;
  }
}
