import { Injectable, OnModuleDestroy } from '@nestjs/common';
import { type EmulatedMessage, MimcEmulator } from 'nestjs-mimc/testing';
import { ConsoleLimits } from './console-limits.js';
import { History, type News } from './history.js';

/** A message of the emulator as the console shows it; all texts are cut to their beginning. */
export interface InboxMessage {
  kind: 'account' | 'topic';
  /** The account or the topic id. */
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

/** The latest messages in the emulator's inboxes. */
@Injectable()
export class InboxHistory implements OnModuleDestroy {
  readonly #history: History<InboxMessage>;
  readonly #unsubscribe: () => void;

  constructor(emulator: MimcEmulator, { maxMessages, maxTextLength }: ConsoleLimits) {
    this.#history = new History(maxMessages);
    this.#unsubscribe = emulator.onMessage((message) => this.#history.add(toShow(message, maxTextLength)));
  }

  /** What came after the id of earlier news. */
  since(id: string | undefined): News<InboxMessage> {
    return this.#history.since(id);
  }

  onModuleDestroy(): void {
    this.#unsubscribe();
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
