import type { MimcPermit } from '../../index.js';

/** Where a permit goes back to. */
export interface PermitOwner {
  settled(id: string): void;
  cancelled(id: string): void;
}

/** Units held in Redis. */
export class SharedPermit implements MimcPermit {
  #owner: PermitOwner | undefined;

  constructor(
    readonly id: string,
    owner: PermitOwner,
  ) {
    this.#owner = owner;
  }

  settle(): void {
    this.#take()?.settled(this.id);
  }

  cancel(): void {
    this.#take()?.cancelled(this.id);
  }

  /** The owner, once: whatever is called after the first `settle` or `cancel` finds none. */
  #take(): PermitOwner | undefined {
    const owner = this.#owner;
    this.#owner = undefined;
    return owner;
  }
}
