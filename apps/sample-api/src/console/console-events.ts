import { Injectable, type MessageEvent, OnModuleDestroy, Optional, ServiceUnavailableException } from '@nestjs/common';
import { MimcPushService, type MimcQuotaStatus } from 'nestjs-mimc';
import { from, mergeMap, Observable, Subject, takeUntil, timer } from 'rxjs';
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
  #open = 0;

  constructor(
    private readonly limits: ConsoleLimits,
    private readonly mimc: MimcPushService,
    @Optional() private readonly history?: InboxHistory,
    @Optional() private readonly faults?: FaultSwitch,
  ) {}

  /** How many follow along now. */
  get open(): number {
    return this.#open;
  }

  /** Fails with 503 when too many follow along; ends with its subscriber, and when the application shuts down. */
  after(lastEventId: string | undefined): Observable<MessageEvent> {
    return new Observable<MessageEvent>((subscriber) => {
      if (this.#open >= this.limits.maxStreams) {
        subscriber.error(new ServiceUnavailableException(`${this.#open} pages follow along already`));
        return;
      }
      this.#open++;
      subscriber.add(() => this.#open--);
      subscriber.add(this.#news(lastEventId).subscribe(subscriber));
    });
  }

  onModuleDestroy(): void {
    this.#closing.next();
    this.#closing.complete();
  }

  #news(lastEventId: string | undefined): Observable<MessageEvent> {
    const page = new Page(lastEventId);
    return timer(0, this.limits.everyMs).pipe(
      mergeMap(() => from(page.news(this.#status(), this.history))),
      takeUntil(this.#closing),
    );
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
