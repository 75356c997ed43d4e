import { Injectable, type MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { defer, exhaustMap, filter, map, type Observable, Subject, takeUntil, takeWhile, timer } from 'rxjs';
import type { KeepsUp } from '../http/client-keeps-up.decorator.js';
import { StreamSlots } from '../http/stream-slots.js';
// Values: they are the tokens by which these are injected.
import { BroadcastLimits } from './broadcast-limits.js';
import { BroadcastRunner } from './broadcast-runner.js';
import { type BroadcastState, withFewFailures } from './broadcast-state.js';

/** With nothing to tell, as during a pause, a comment keeps proxies from taking the connection for dead. */
const QUIET_MS = 15_000;

/** Recipients of failures in an event, which comes often; `GET /broadcasts/:id` lists more. */
const MAX_LISTED = 100;

/**
 * The progress of broadcasts as events: `progress` while it changes, and `end` with the last state; the failures are in the
 * first one, and in each by which they have changed. They ask the runner
 * rather than listen to it, which is the same for one that runs in other processes and needs no clean-up but the timer's.
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

  /** How many follow along now. */
  get open(): number {
    return this.#slots.open;
  }

  /**
   * Completes when the broadcast is over, and when the application shuts down. Fails with 503 when too many follow along.
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
      // A tick while the last answer is awaited is passed over: behind a slow store they would pile up.
      exhaustMap(() => this.runner.get(id)),
      takeWhile((state) => state !== undefined && state.finishedAt === undefined, true),
      map((state) => (state === undefined ? undefined : changes.eventOf(state))),
      filter((event) => event !== undefined),
      // Last, so that it does not wait for an answer either.
      takeUntil(this.#closing),
    );
  }
}

/** What one client was told last. */
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
