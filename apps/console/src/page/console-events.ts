import { Injectable, type MessageEvent, OnModuleDestroy, Optional } from '@nestjs/common';
import { MimcPushService, type MimcQuotaStatus } from 'nestjs-mimc';
import { defer, filter, mergeMap, type Observable, Subject, takeUntil, timer } from 'rxjs';
import type { KeepsUp } from '../http/client-keeps-up.decorator.js';
import { StreamSlots } from '../http/stream-slots.js';
// Not `import type`: these classes are injection tokens.
import { CallbackHistory } from './callback-history.js';
import { ConsoleLimits } from './console-limits.js';
import { type ActiveFault, FaultSwitch } from './fault-switch.js';
import type { News } from './history.js';
import { InboxHistory } from './inbox-history.js';

/** After this long without news a comment keeps proxies from closing the connection. */
const QUIET_MS = 15_000;

/** What changes without a request from the page. */
interface ConsoleStatus {
  accounts: MimcQuotaStatus;
  topics: MimcQuotaStatus;
  /** The emulator's active fault; null when there is none. */
  fault: ActiveFault | null;
}

/** The histories that are sent entry by entry, by the type of their events. */
interface Histories {
  /** Of the emulator. */
  messages?: Since | undefined;
  callbacks: Since;
}

interface Since {
  since(id: string | undefined): News<unknown>;
}

/**
 * The news for one page: `status` when it changes, `callbacks` as they are handled and, in demo mode, `messages` as they
 * enter the emulator's inboxes. A reconnecting page sends the id of its last event, so it misses nothing and gets nothing twice.
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

  /** How many pages are connected. */
  get open(): number {
    return this.#slots.open;
  }

  /** Fails with 503 when too many pages are connected; ends with its subscriber, and when the application shuts down. */
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

/** Separates the ids of the histories in the id of an event. */
const SEPARATOR = '~';

/** What one page has received so far. */
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

  /** On every event: Nest gives an event without an id one of its own, which the page would then send back. */
  get #id(): string {
    const { messages = '', callbacks = '' } = this.#seen;
    return [messages, callbacks].join(SEPARATOR);
  }
}
