import { Injectable, type MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { exhaustMap, filter, map, type Observable, Subject, takeUntil, takeWhile, timer } from 'rxjs';
import { BroadcastLimits } from './broadcast-limits.js';
import { BroadcastRunner } from './broadcast-runner.js';
import type { BroadcastState } from './broadcast-state.js';

/** With nothing to tell, as during a pause, a comment keeps proxies from taking the connection for dead. */
const QUIET_MS = 15_000;

/**
 * The progress of broadcasts as events: `progress` while it changes, and `end` with the last state. They ask the runner
 * rather than listen to it, which is the same for one that runs in other processes and needs no clean-up but the timer's.
 */
@Injectable()
export class BroadcastEvents implements OnModuleDestroy {
  readonly #closing = new Subject<void>();

  constructor(
    private readonly runner: BroadcastRunner,
    private readonly limits: BroadcastLimits,
  ) {}

  /** Completes when the broadcast has come to rest for other reasons than a pause, and when the application shuts down. */
  of(id: string): Observable<MessageEvent> {
    const changes = new Changes();
    return timer(0, this.limits.eventsEveryMs).pipe(
      // A tick while the last answer is awaited is passed over: behind a slow store they would pile up.
      exhaustMap(() => this.runner.get(id)),
      takeWhile((state) => state !== undefined && isOnItsWay(state), true),
      map((state) => (state === undefined ? undefined : changes.eventOf(state))),
      filter((event) => event !== undefined),
      // Last, so that it does not wait for an answer either.
      takeUntil(this.#closing),
    );
  }

  onModuleDestroy(): void {
    this.#closing.next();
    this.#closing.complete();
  }
}

/** What one client was told last. */
class Changes {
  #last = '';
  #at = 0;

  eventOf(state: BroadcastState): MessageEvent | undefined {
    const text = JSON.stringify(state);
    const now = performance.now();
    const isNew = text !== this.#last;
    if (!isNew && now - this.#at < QUIET_MS) return undefined;
    this.#last = text;
    this.#at = now;
    return isNew ? { type: isOnItsWay(state) ? 'progress' : 'end', data: text } : { comment: 'no change' };
  }
}

function isOnItsWay({ state }: BroadcastState): boolean {
  return state === 'running' || state === 'paused';
}
