import { Injectable, type MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { defer, exhaustMap, filter, map, type Observable, Subject, takeUntil, takeWhile, timer } from 'rxjs';
import type { KeepsUp } from '../http/client-keeps-up.decorator.js';
import { StreamSlots } from '../http/stream-slots.js';
// Not `import type`: these classes are injection tokens.
import { BroadcastLimits } from './broadcast-limits.js';
import { BroadcastRunner } from './broadcast-runner.js';
import { type BroadcastState, withFewFailures } from './broadcast-state.js';

/** After this long without news, as during a pause, a comment keeps proxies from closing the connection. */
const QUIET_MS = 15_000;

/** Most recipients of failures in an event, because events are frequent; `GET /broadcasts/:id` lists more. */
const MAX_LISTED = 100;

/**
 * The progress of broadcasts as events: `progress` when it changes, and `end` with the last state. The first event has the
 * failures, later ones only when these changed. Polling the runner also works for broadcasts in other processes, and leaves
 * only a timer to clean up.
 */
@Injectable()
export class BroadcastEvents implements OnModuleDestroy {
  readonly #closing = new Subject<void>();
  readonly #slots: StreamSlots;

  constructor(
    private readonly runner: BroadcastRunner,
    private readonly limits: BroadcastLimits,
  ) {
    this.#slots = new StreamSlots(limits.maxStreams);
  }

  /** How many clients are connected. */
  get open(): number {
    return this.#slots.open;
  }

  /**
   * Completes when the broadcast is over, and when the application shuts down. Fails with 503 when too many clients are
   * connected.
   */
  of(id: string, keepsUp: KeepsUp = () => true): Observable<MessageEvent> {
    return this.#slots.hold(defer(() => this.#changes(id, keepsUp)));
  }

  onModuleDestroy(): void {
    this.#closing.next();
    this.#closing.complete();
  }

  #changes(id: string, keepsUp: KeepsUp): Observable<MessageEvent> {
    const changes = new Changes();
    return timer(0, this.limits.eventsEveryMs).pipe(
      filter(keepsUp),
      // Ticks are dropped while an answer is pending: behind a slow store they would pile up.
      exhaustMap(() => this.runner.get(id)),
      takeWhile((state) => state !== undefined && state.finishedAt === undefined, true),
      map((state) => (state === undefined ? undefined : changes.eventOf(state))),
      filter((event) => event !== undefined),
      // Last, so that a shutdown does not wait for an answer.
      takeUntil(this.#closing),
    );
  }
}

/** What one client received last. */
class Changes {
  #last = '';
  #lastFailures = '';
  #at = 0;

  eventOf(state: BroadcastState): MessageEvent | undefined {
    const { failures, failuresOmitted, ...progress } = withFewFailures(state, MAX_LISTED);
    const [text, failed] = [JSON.stringify(progress), JSON.stringify({ failures, failuresOmitted })];
    const now = performance.now();
    const hasFailed = failed !== this.#lastFailures;
    const isNew = text !== this.#last || hasFailed;
    if (!isNew && now - this.#at < QUIET_MS) return undefined;
    [this.#last, this.#lastFailures, this.#at] = [text, failed, now];
    if (!isNew) return { comment: 'no change' };
    const data = { ...progress, ...(hasFailed && { failures, failuresOmitted }) };
    return { type: state.finishedAt === undefined ? 'progress' : 'end', data };
  }
}
