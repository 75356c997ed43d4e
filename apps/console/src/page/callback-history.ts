import { Injectable } from '@nestjs/common';
import { type MimcCallbackEvent, OnMimcMessage } from 'nestjs-mimc/callback';
import { ConsoleLimits } from './console-limits.js';
import { History, type News } from './history.js';

/** A callback as the console shows it; all texts are cut to their beginning. */
export interface ShownCallback {
  type: string;
  /** Absent, like the fields below except `receivedAt`, when the type is unknown. */
  from?: string;
  /** The account or the topic id. */
  to?: string;
  /** Absent when the message is bytes. */
  text?: string;
  /** Length of the whole message. */
  bytes?: number;
  /** How many recipients are offline. */
  offline?: number;
  receivedAt: string;
}

/** The latest callbacks that were handled. */
@Injectable()
export class CallbackHistory {
  readonly #history: History<ShownCallback>;

  constructor(private readonly limits: ConsoleLimits) {
    this.#history = new History(limits.maxMessages);
  }

  @OnMimcMessage()
  add(event: MimcCallbackEvent): void {
    this.#history.add(toShow(event, this.limits.maxTextLength));
  }

  /** What came after the id of earlier news. */
  since(id: string | undefined): News<ShownCallback> {
    return this.#history.since(id);
  }
}

function toShow(event: MimcCallbackEvent, maxTextLength: number): ShownCallback {
  const cut = (whole: string) => whole.slice(0, maxTextLength);
  const shown = { type: cut(event.type), receivedAt: new Date().toISOString() };
  if (event.kind === 'other') return shown;
  const { fromAccount, text, payload } = event;
  return {
    ...shown,
    from: cut(fromAccount),
    to: cut(event.kind === 'account' ? event.toAccount : event.topicId),
    ...(text !== undefined && { text: cut(text) }),
    bytes: payload.length,
    ...offlineOf(event),
  };
}

function offlineOf(event: Exclude<MimcCallbackEvent, { kind: 'other' }>): Pick<ShownCallback, 'offline'> {
  if (event.type === 'OFFLINE_MSG') return { offline: 1 };
  return event.kind === 'topic' && event.offlineAccounts ? { offline: event.offlineAccounts.length } : {};
}
