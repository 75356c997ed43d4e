import { Injectable, OnModuleDestroy } from '@nestjs/common';

/** Whether the application takes new work. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  #closing = false;

  get isReady(): boolean {
    return !this.#closing;
  }

  /** The first hook of a shutdown, before the one in which the push service waits for the calls in flight. */
  onModuleDestroy(): void {
    this.#closing = true;
  }
}
