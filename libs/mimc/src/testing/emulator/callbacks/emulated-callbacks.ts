import { randomBytes } from 'node:crypto';
import type { EmulatedMessage } from '../ledger.js';
import { audienceOf } from '../endpoint.js';
import { loopbackUrl, type EmulatorSettings } from '../options.js';
import type { EmulatedTopics } from '../topics.js';
import { CallbackWriter, type Stamp } from './callback-body.js';
import { CallbackDelivery, type EmulatedCallback } from './callback-delivery.js';
import { type EmulatorUserMessage, readUserMessage, text, type UserMessage } from './user-message.js';

/** Sends callbacks about users' messages, and knows who is offline. */
export class EmulatedCallbacks {
  readonly #settings: EmulatorSettings;
  readonly #topics: EmulatedTopics;
  readonly #writer: CallbackWriter;
  readonly #offline = new Map<string, readonly string[]>();
  readonly #packetPrefix = randomBytes(8).toString('hex').slice(1);
  #deliveries = new Set<CallbackDelivery>();
  #url: string | undefined;
  #messages = 0;
  #sequence = 0n;
  #isClosed = false;

  constructor(settings: EmulatorSettings, topics: EmulatedTopics) {
    this.#settings = settings;
    this.#topics = topics;
    this.#writer = new CallbackWriter(settings);
    this.#url = settings.callbackUrl;
  }

  get url(): string | undefined {
    return this.#url;
  }

  set url(url: string | undefined) {
    this.#url = url === undefined ? undefined : loopbackUrl('callbackUrl', url);
  }

  /** Nothing in the ledger's mode `counts`, which keeps only those that are pending. */
  get sent(): readonly EmulatedCallback[] {
    return this.#settings.ledger === 'full' ? [...this.#deliveries] : [];
  }

  /** @throws TypeError when a field of the message is wrong, or there is nowhere to send to */
  userSends(given: EmulatorUserMessage): EmulatedCallback[] {
    const message = readUserMessage(given, this.#topics);
    if (this.#url === undefined) throw new TypeError('there is no callbackUrl to send to');
    this.#messages += 1;
    return this.#send(message, this.#url, `${this.#packetPrefix}_${this.#messages}`);
  }

  /** A push was accepted. */
  pushed({ endpoint, to, packetId, fromAccount, fromResource = '', payload, bizType }: EmulatedMessage): void {
    if (this.#url === undefined) return;
    const audience = audienceOf(endpoint);
    const members = this.#topics.membersOf(to) ?? [];
    const target: UserMessage['target'] =
      audience === 'accounts'
        ? { kind: 'account', toAccount: to }
        : { kind: 'topic', topicId: to, members, unlimited: audience === 'unlimitedTopics' };
    this.#send({ fromAccount, fromResource, payload, bizType, target }, this.#url, packetId);
  }

  setOffline(account: string, resources: readonly string[]): void {
    resources.forEach((resource, index) => text(`resources[${index}]`, resource));
    this.#offline.set(text('account', account), [...resources]);
  }

  setOnline(account: string): void {
    this.#offline.delete(account);
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#deliveries].map(({ settled }) => settled));
  }

  /** Forgets what was sent, and sends no repeat of it. */
  clear(): Promise<void> {
    const settled = this.settled();
    for (const delivery of this.#deliveries) delivery.drop();
    this.#deliveries = new Set();
    return settled;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.clear();
  }

  #send(message: UserMessage, url: string, packetId: string): CallbackDelivery[] {
    if (this.#isClosed) throw new TypeError('the emulator is closed');
    const bodies = this.#writer.write(message, this.#stamp(packetId), (account) => this.#offline.get(account));
    const deliveries = bodies.map((body) => new CallbackDelivery(body, url, this.#settings.callbacks));
    for (const delivery of deliveries) this.#keep(delivery);
    return deliveries;
  }

  #keep(delivery: CallbackDelivery): void {
    this.#deliveries.add(delivery);
    if (this.#settings.ledger === 'counts') void delivery.settled.then(() => this.#deliveries.delete(delivery));
  }

  /** Sequences rise, and begin with the time, as those seen do (docs/mimc-api.md §8). */
  #stamp(packetId: string): Stamp {
    const timestamp = Date.now();
    const first = BigInt(timestamp) * 100_000n + 1n;
    this.#sequence = first > this.#sequence ? first : this.#sequence + 1n;
    return { packetId, timestamp, sequence: String(this.#sequence) };
  }
}
