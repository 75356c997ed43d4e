import { Injectable, type MessageEvent, OnModuleDestroy, Optional } from '@nestjs/common';
import { MimcPushService, type MimcQuotaStatus } from 'nestjs-mimc';
import { defer, filter, mergeMap, type Observable, Subject, takeUntil, timer } from 'rxjs';
import type { KeepsUp } from '../http/client-keeps-up.decorator.js';
import { StreamSlots } from '../http/stream-slots.js';
// Values: they are the tokens by which these are injected.
import { CallbackHistory } from './callback-history.js';
import { ConsoleLimits } from './console-limits.js';
import { type ActiveFault, FaultSwitch } from './fault-switch.js';
import type { News } from './history.js';
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

/** What is sent entry by entry, under the type of its events. */
interface Histories {
  /** Of the emulator. */
  messages?: Since | undefined;
  callbacks: Since;
}

interface Since {
  since(id: string | undefined): News<unknown>;
}

/**
 * The news for one page: `status` while it changes, `callbacks` as they are handled and, in demo mode, `messages` as they
 * enter the emulator's inboxes. A page that comes back says by its last event's id what it has seen.
 */
@Injectable()
export class ConsoleEvents implements OnModuleDestroy {
  readonly #closing = new Subject<void>();
  readonly #slots: StreamSlots;

  constructor(
    private readonly limits: ConsoleLimits,
    private readonly mimc: MimcPushService,
    private readonly callbacks: CallbackHistory,
    @Optional() private readonly messages?: InboxHistory,
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
        const { callbacks, messages } = this;
        const page = new Page({ callbacks, messages }, lastEventId);
        return timer(0, this.limits.everyMs).pipe(
          filter(keepsUp),
          mergeMap(() => page.news(this.#status())),
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

/** Between the ids of the histories in the id of an event. */
const SEPARATOR = '~';

/** What one page was told last. */
class Page {
  readonly #seen: Record<keyof Histories, string | undefined>;
  #status = '';
  #at = 0;

  constructor(
    private readonly histories: Histories,
    lastEventId = '',
  ) {
    const [messages, callbacks] = lastEventId.split(SEPARATOR);
    this.#seen = { messages, callbacks };
  }

  news(status: ConsoleStatus): MessageEvent[] {
    const events = [...this.#fresh('messages'), ...this.#fresh('callbacks'), ...this.#change(status)];
    const now = performance.now();
    if (events.length === 0 && now - this.#at < QUIET_MS) return [];
    this.#at = now;
    return events.length > 0 ? events : [{ comment: 'no change' }];
  }

  #fresh(type: keyof Histories): MessageEvent[] {
    const history = this.histories[type];
    if (history === undefined) return [];
    const { id, entries, ...news } = history.since(this.#seen[type]);
    if (id === this.#seen[type]) return [];
    this.#seen[type] = id;
    return [{ type, id: this.#id, data: { ...news, [type]: entries } }];
  }

  #change(status: ConsoleStatus): MessageEvent[] {
    const data = JSON.stringify(status);
    if (data === this.#status) return [];
    this.#status = data;
    return [{ type: 'status', data, id: this.#id }];
  }

  /** On every event: Nest would give one of its own to an event without, and that would then be the last. */
  get #id(): string {
    const { messages = '', callbacks = '' } = this.#seen;
    return [messages, callbacks].join(SEPARATOR);
  }
}
