import { Injectable, type MessageEvent, OnModuleDestroy, Optional } from '@nestjs/common';
import { MimcPushService, type MimcQuotaStatus } from 'nestjs-mimc';
import { defer, filter, mergeMap, type Observable, Subject, takeUntil, timer } from 'rxjs';
import type { KeepsUp } from '../http/client-keeps-up.decorator.js';
import { StreamSlots } from '../http/stream-slots.js';
// Values: they are the tokens by which these are injected.
import { ConsoleLimits } from './console-limits.js';
import { type ActiveFault, FaultSwitch } from './fault-switch.js';
import { InboxHistory } from './inbox-history.js';

/** With nothing to tell, a comment keeps proxies from taking the connection for dead. */
const QUIET_MS = 15_000;

/** What changes by itself. */
interface ConsoleStatus {
  accounts: MimcQuotaStatus;
  topics: MimcQuotaStatus;
  /** Of the emulator; null when there is none. */
  fault: ActiveFault | null;
}

/**
 * The news for one page: `status` while it changes and, in demo mode, `messages` as they enter the emulator's inboxes. A
 * page that comes back says by its last event's id what it has seen.
 */
@Injectable()
export class ConsoleEvents implements OnModuleDestroy {
  readonly #closing = new Subject<void>();
  readonly #slots: StreamSlots;

  constructor(
    private readonly limits: ConsoleLimits,
    private readonly mimc: MimcPushService,
    @Optional() private readonly history?: InboxHistory,
    @Optional() private readonly faults?: FaultSwitch,
  ) {
    this.#slots = new StreamSlots(limits.maxStreams);
  }

  /** How many follow along now. */
  get open(): number {
    return this.#slots.open;
  }

  /** Fails with 503 when too many follow along; ends with its subscriber, and when the application shuts down. */
  after(lastEventId: string | undefined, keepsUp: KeepsUp): Observable<MessageEvent> {
    return this.#slots.hold(
      defer(() => {
        const page = new Page(lastEventId);
        return timer(0, this.limits.everyMs).pipe(
          filter(keepsUp),
          mergeMap(() => page.news(this.#status(), this.history)),
          takeUntil(this.#closing),
        );
      }),
    );
  }

  onModuleDestroy(): void {
    this.#closing.next();
    this.#closing.complete();
  }

  #status(): ConsoleStatus {
    const { accounts, topics } = this.mimc.status();
    return { accounts, topics, fault: this.faults?.active ?? null };
  }
}

/** What one page was told last. */
class Page {
  #status = '';
  #at = 0;

  constructor(private lastId: string | undefined) {}

  news(status: ConsoleStatus, history: InboxHistory | undefined): MessageEvent[] {
    const events = [...this.#messages(history), ...this.#change(status, history)];
    const now = performance.now();
    if (events.length === 0 && now - this.#at < QUIET_MS) return [];
    this.#at = now;
    return events.length > 0 ? events : [{ comment: 'no change' }];
  }

  #messages(history: InboxHistory | undefined): MessageEvent[] {
    if (history === undefined) return [];
    const { id, ...news } = history.since(this.lastId);
    if (id === this.lastId) return [];
    this.lastId = id;
    return [{ type: 'messages', id, data: news }];
  }

  /** With the inbox's id where there is one: Nest would give it one of its own, which would then be the last. */
  #change(status: ConsoleStatus, history: InboxHistory | undefined): MessageEvent[] {
    const data = JSON.stringify(status);
    if (data === this.#status) return [];
    this.#status = data;
    return [{ type: 'status', data, ...(history && this.lastId && { id: this.lastId }) }];
  }
}
