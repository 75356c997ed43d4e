import type { IncomingHttpHeaders } from 'node:http';
import { audienceOf, type EmulatorAudience, type EmulatorEndpoint, type EmulatorPushEndpoint } from './endpoint.js';
import type { EmulatorFaultKind } from './faults.js';
import type { EmulatedPush } from './request.js';

/** One message as one recipient got it. */
export interface EmulatedMessage {
  readonly packetId: string;
  readonly endpoint: EmulatorPushEndpoint;
  /** The recipient: an account, or a topic id as exact decimal text. */
  readonly to: string;
  readonly fromAccount: string;
  readonly fromResource?: string;
  /** The message as it came: `msg`, or what pushes to unlimited topics have for it. */
  readonly msg: string;
  readonly msgType: '' | 'base64';
  /** The message's bytes, decoded when `msgType` is `base64`. */
  readonly payload: Buffer;
  /** The message as text; absent when `msgType` is `base64`. */
  readonly text?: string;
  readonly isStore: boolean;
  /** Empty when the request had none. */
  readonly bizType: string;
  /** When the request was read, in milliseconds on the clock of `performance.now()`. */
  readonly receivedAt: number;
}

/** One request as it arrived, and what came of it. The last fields are set as the answer is. */
export interface EmulatedRequest {
  readonly method: string;
  /** As on the request line, query included. */
  readonly path: string;
  /** The endpoint it named, if any. */
  readonly endpoint?: EmulatorEndpoint;
  /** Names in lower case. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Empty when a fault reset the connection before the body was read. */
  readonly rawBody: string;
  /**
   * The parsed JSON, undefined when it was none. An integer that a JavaScript number cannot hold exactly is a `bigint`, any
   * other a `number`, and a quoted one a `string`: the test sees which form went over the wire.
   */
  readonly body: unknown;
  /** When it was read to the end, in milliseconds on the clock of `performance.now()`. */
  readonly receivedAt: number;
  /** The fault it met. */
  readonly fault?: EmulatorFaultKind;
  /** Whether its message is in the ledger; false for all that is not a push. */
  readonly accepted: boolean;
  /** HTTP status of the answer; absent as long as none was begun. */
  readonly status?: number;
  /** `code` of that answer's envelope, of the whole one where a fault cut it short; absent when it was none. */
  readonly code?: number;
}

/** How much the emulator saw. */
export interface EmulatorTotals {
  /** Requests of any kind that were read to the end, or reset before by a fault. */
  readonly requests: number;
  /** Requests whose message is in the ledger, whatever the client was answered. */
  readonly accepted: number;
  /** Recipients of accepted requests that are accounts. */
  readonly accountsDelivered: number;
  /** Recipients of accepted requests that are topics. */
  readonly topicsDelivered: number;
  /** Recipients × messages of accepted requests that are unlimited topics. */
  readonly unlimitedTopicsDelivered: number;
  /** Requests judged wrong: path, method, credentials, fields, size, unknown topic. */
  readonly refused: number;
  /** Requests that did not fit the quota. */
  readonly throttled: number;
  /** Requests that met a fault. */
  readonly faulted: number;
  /** Uploads that the client broke off; they appear nowhere else. */
  readonly aborted: number;
}

/** Called with every message as it enters the ledger. */
export type EmulatorMessageListener = (message: EmulatedMessage) => void;

/** Called with every request when its answer has ended, or its connection. */
export type EmulatorRequestListener = (request: EmulatedRequest) => void;

/** Who received what. */
export class EmulatorLedger {
  #messages = noRecipients<EmulatedMessage[]>();
  #counts = noRecipients<number>();
  #requests: EmulatedRequest[] = [];
  #totals = noTotals();
  readonly #listeners = new Set<EmulatorMessageListener>();
  readonly #requestListeners = new Set<EmulatorRequestListener>();

  constructor(readonly mode: 'full' | 'counts') {}

  get requests(): readonly EmulatedRequest[] {
    return this.#requests;
  }

  get totals(): EmulatorTotals {
    return { ...this.#totals };
  }

  messages(audience: EmulatorAudience, recipient: string): readonly EmulatedMessage[] {
    return this.#messages[audience].get(recipient) ?? [];
  }

  count(audience: EmulatorAudience, recipient: string): number {
    return this.#counts[audience].get(recipient) ?? 0;
  }

  tally(what: 'refused' | 'throttled' | 'faulted' | 'aborted'): void {
    this.#totals[what]++;
  }

  record(request: EmulatedRequest): void {
    this.#totals.requests++;
    if (this.mode === 'full') this.#requests.push(request);
  }

  /** Whether anybody wants to know of requests that have ended. */
  get isFollowed(): boolean {
    return this.#requestListeners.size > 0;
  }

  ended(request: EmulatedRequest): void {
    for (const listener of this.#requestListeners) notify(listener, request);
  }

  /** Hands each message of a push to each of its recipients, each under its packet id. */
  deliver(push: EmulatedPush, packetIds: readonly string[], receivedAt: number): void {
    const audience = audienceOf(push.endpoint);
    this.#totals.accepted++;
    const { recipients, messages } = push;
    this.#totals[`${audience}Delivered`] += recipients.length * messages.length;
    const counts = this.#counts[audience];
    for (const to of recipients) counts.set(to, (counts.get(to) ?? 0) + messages.length);
    if (this.mode === 'full' || this.#listeners.size > 0) this.#deliverEach(push, packetIds, receivedAt);
  }

  #deliverEach(push: EmulatedPush, packetIds: readonly string[], receivedAt: number): void {
    const inboxes = this.#messages[audienceOf(push.endpoint)];
    const { recipients, messages, fromResource, ...others } = push;
    const resource = fromResource === undefined ? {} : { fromResource };
    let index = 0;
    for (const content of messages) {
      const text = push.msgType === '' ? { text: content.msg } : {};
      for (const to of recipients) {
        const packetId = packetIds[index++] ?? '';
        const message = { ...others, ...resource, ...content, ...text, to, packetId, receivedAt };
        if (this.mode === 'full') append(inboxes, to, message);
        for (const listener of this.#listeners) notify(listener, message);
      }
    }
  }

  listen(listener: EmulatorMessageListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  follow(listener: EmulatorRequestListener): () => void {
    this.#requestListeners.add(listener);
    return () => this.#requestListeners.delete(listener);
  }

  /** Forgets everything but the listeners. */
  clear(): void {
    this.#messages = noRecipients();
    this.#counts = noRecipients();
    this.#requests = [];
    this.#totals = noTotals();
  }

  close(): void {
    this.#listeners.clear();
    this.#requestListeners.clear();
  }
}

function noRecipients<T>(): Record<EmulatorAudience, Map<string, T>> {
  return { accounts: new Map(), topics: new Map(), unlimitedTopics: new Map() };
}

function noTotals(): { -readonly [K in keyof EmulatorTotals]: number } {
  return {
    requests: 0,
    accepted: 0,
    accountsDelivered: 0,
    topicsDelivered: 0,
    unlimitedTopicsDelivered: 0,
    refused: 0,
    throttled: 0,
    faulted: 0,
    aborted: 0,
  };
}

function append(inboxes: Map<string, EmulatedMessage[]>, to: string, message: EmulatedMessage): void {
  const inbox = inboxes.get(to);
  if (inbox) inbox.push(message);
  else inboxes.set(to, [message]);
}

/** A listener that throws must not keep the client from its answer. */
function notify<T>(listener: (event: T) => void, event: T): void {
  try {
    listener(event);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error), 'MimcEmulatorWarning');
  }
}
