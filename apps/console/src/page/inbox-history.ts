import { randomBytes } from 'node:crypto';
import { Injectable, OnModuleDestroy } from '@nestjs/common';
import { type EmulatedMessage, MimcEmulator } from 'nestjs-mimc/testing';
import { ConsoleLimits } from './console-limits.js';

/** A message of the emulator as the console shows it. */
export interface InboxMessage {
  kind: 'account' | 'topic';
  /** The account or the topic id; of this, as of all other texts, the beginning. */
  to: string;
  from: string;
  /** Absent when the message is bytes. */
  text?: string;
  /** Length of the whole message. */
  bytes: number;
  bizType: string;
  isStore: boolean;
  packetId: string;
  receivedAt: string;
}

/** What somebody has not seen yet. */
export interface InboxNews {
  /** To be given to {@link InboxHistory.since} the next time. */
  id: string;
  messages: InboxMessage[];
  /** How many came and went in between. */
  missed: number;
  /** Whether what was seen before is of another history, as of an emulator that is no more. */
  isNew: boolean;
}

/** The latest messages that entered the emulator's inboxes, numbered in their order. */
@Injectable()
export class InboxHistory implements OnModuleDestroy {
  /** Tells this history from that of another run of the server. */
  readonly #name = randomBytes(6).toString('hex');
  readonly #unsubscribe: () => void;
  #messages: InboxMessage[] = [];
  #count = 0;

  constructor(
    emulator: MimcEmulator,
    private readonly limits: ConsoleLimits,
  ) {
    this.#unsubscribe = emulator.onMessage((message) => this.#add(message));
  }

  /** What came after the id of earlier news, or all that is kept. */
  since(id: string | undefined): InboxNews {
    const seen = this.#seen(id);
    const fresh = this.#count - (seen ?? 0);
    const messages = fresh === 0 ? [] : this.#messages.slice(-fresh);
    return {
      id: `${this.#name}.${this.#count}`,
      messages,
      missed: fresh - messages.length,
      isNew: seen === undefined,
    };
  }

  onModuleDestroy(): void {
    this.#unsubscribe();
  }

  /** How many messages an id stands for; undefined when it is none of this history. */
  #seen(id: string | undefined): number | undefined {
    const [name, count = ''] = id?.split('.') ?? [];
    const isOurs = name === this.#name && /^\d{1,15}$/.test(count) && Number(count) <= this.#count;
    return isOurs ? Number(count) : undefined;
  }

  #add(message: EmulatedMessage): void {
    this.#count++;
    this.#messages.push(toShow(message, this.limits.maxTextLength));
    if (this.#messages.length > this.limits.maxMessages) this.#messages.shift();
  }
}

function toShow(message: EmulatedMessage, maxTextLength: number): InboxMessage {
  const { to, endpoint, fromAccount, text, payload, bizType, isStore, packetId, receivedAt } = message;
  const cut = (whole: string) => whole.slice(0, maxTextLength);
  return {
    kind: endpoint.startsWith('p2p') ? 'account' : 'topic',
    to: cut(to),
    from: cut(fromAccount),
    ...(text !== undefined && { text: cut(text) }),
    bytes: payload.length,
    bizType: cut(bizType),
    isStore,
    packetId,
    receivedAt: new Date(performance.timeOrigin + receivedAt).toISOString(),
  };
}
