import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EmulatedCallback } from './callbacks/callback-delivery.js';
import { EmulatedCallbacks } from './callbacks/emulated-callbacks.js';
import type { EmulatorUserMessage } from './callbacks/user-message.js';
import { UserMessageRoute } from './callbacks/user-message-route.js';
import { RandomFaults } from './chaos.js';
import { EmulatedPushApi } from './push-api.js';
import type { EmulatorAudience } from './endpoint.js';
import type { EmulatorFault } from './faults.js';
import { EmulatorHandler } from './handler.js';
import {
  EmulatorLedger,
  type EmulatedMessage,
  type EmulatedRequest,
  type EmulatorMessageListener,
  type EmulatorRequestListener,
  type EmulatorTotals,
} from './ledger.js';
import type { InPart } from '../../index.js';
import {
  readCredentials,
  readOptions,
  topicIdOf,
  type EmulatorSettings,
  type MimcEmulatorCredentials,
  type MimcEmulatorOptions,
} from './options.js';
import { FaultQueue } from './fault-queue.js';
import { EmulatorTimers } from './timers.js';
import { EmulatedTokenApi } from './token-api.js';
import { EmulatedTopicApi } from './topic-api.js';
import { EmulatedTopics, type EmulatedTopic } from './topics.js';

/**
 * A stand-in for MIMC's API: a real HTTP server on loopback that takes pushes, issues tokens and keeps groups, with a
 * ledger of who received what, and faults on demand. It is written from the vendor's documents and shares no code with the client, so that a mistake
 * in one is not mirrored by the other. Where the documents are silent (error codes, HTTP statuses, throttling) its
 * behaviour is emulator-defined, and says so where it is defined.
 *
 * @example
 * ```ts
 * const mimc = await MimcEmulator.start();
 * const module = await Test.createTestingModule({
 *   imports: [MimcModule.forRoot({ ...mimc.credentials, baseUrl: mimc.url, fromAccount: 'shop' })],
 * }).compile();
 * await module.get(MimcPushService).toAccount({ toAccount: 'alice', msg: 'hello' });
 * mimc.inbox('alice')[0]?.text; // 'hello'
 * await mimc.close();
 * ```
 */
export class MimcEmulator {
  readonly #settings: EmulatorSettings;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new EmulatorTimers();
  readonly #ledger: EmulatorLedger;
  readonly #topics = new EmulatedTopics();
  readonly #pushApi: EmulatedPushApi;
  readonly #script: FaultQueue;
  readonly #callbacks: EmulatedCallbacks;
  #port = 0;
  #closed: Promise<void> | undefined;

  private constructor(settings: EmulatorSettings) {
    this.#settings = settings;
    this.#ledger = new EmulatorLedger(settings.ledger);
    this.#pushApi = new EmulatedPushApi(settings, this.#ledger, this.#topics);
    this.#script = new FaultQueue(settings.chaos && new RandomFaults(settings.chaos));
    this.#callbacks = new EmulatedCallbacks(settings, this.#topics);
    if (settings.callbacks.onPush) this.#ledger.listen((message) => this.#callbacks.pushed(message));
    const handler = new EmulatorHandler({
      errorStatus: settings.errorStatus,
      ledger: this.#ledger,
      pushApi: this.#pushApi,
      tokenApi: new EmulatedTokenApi(settings),
      topicApi: new EmulatedTopicApi({ settings, topics: this.#topics }),
      script: this.#script,
      timers: this.#timers,
    });
    const userMessages = new UserMessageRoute((message) => this.userSends(message));
    this.#server = createServer({ keepAliveTimeout: settings.keepAliveTimeoutMs }, (request, response) =>
      (userMessages.takes(request) ? userMessages : handler).receive(request, response),
    );
    this.#server.on('connection', (socket) => this.#track(socket));
    this.#server.on('clientError', (_error, socket) => answerJunk(socket));
  }

  /**
   * Starts an emulator and resolves once it listens.
   *
   * @throws TypeError naming the option that is wrong; the system's error (`EADDRINUSE`, …) when it cannot listen.
   */
  static async start(options: MimcEmulatorOptions = {}): Promise<MimcEmulator> {
    const emulator = new MimcEmulator(readOptions(options));
    await emulator.#listen();
    return emulator;
  }

  /** The base URL, without a slash at the end: `http://127.0.0.1:41237`. */
  get url(): string {
    const { host } = this.#settings;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  /** The port it listens on. */
  get port(): number {
    return this.#port;
  }

  /** The credentials it expects: exactly `appId`, `appKey` and `appSecret`, to be spread into the module's options. */
  get credentials(): MimcEmulatorCredentials {
    return { ...this.#settings.credentials };
  }

  /**
   * Accepts another key, secret or both from now on, and no longer the ones before: what resetting them in MIMC's console
   * does. Requests that were judged already keep their answers.
   *
   * @throws TypeError naming the field that is wrong.
   */
  rotateCredentials({ appKey, appSecret }: InPart<Pick<MimcEmulatorCredentials, 'appKey' | 'appSecret'>>): void {
    const { credentials } = this.#settings;
    this.#settings.credentials = readCredentials({ appKey, appSecret }, credentials);
  }

  /** Every request in the order of arrival, refused ones too; always empty with `ledger: 'counts'`. */
  get requests(): readonly EmulatedRequest[] {
    return this.#ledger.requests;
  }

  /** What `account` received, oldest first; always empty with `ledger: 'counts'`. */
  inbox(account: string): readonly EmulatedMessage[] {
    return this.#ledger.messages('accounts', account);
  }

  /**
   * What the topic received, oldest first; always empty with `ledger: 'counts'`.
   *
   * @throws TypeError when `id` is not a topic id, or a number beyond 2^53: its digits may be wrong already.
   */
  topicInbox(id: string | bigint | number): readonly EmulatedMessage[] {
    return this.#ledger.messages('topics', topicIdOf(id));
  }

  /** As {@link topicInbox}, of an unlimited topic. */
  unlimitedTopicInbox(id: string | bigint | number): readonly EmulatedMessage[] {
    return this.#ledger.messages('unlimitedTopics', topicIdOf(id));
  }

  /** How many messages `account` received; a duplicate in one request counts again. */
  count(account: string): number {
    return this.#ledger.count('accounts', account);
  }

  /** How many messages the topic received; throws as {@link topicInbox} does. */
  topicCount(id: string | bigint | number): number {
    return this.#ledger.count('topics', topicIdOf(id));
  }

  /** As {@link topicCount}, of an unlimited topic. */
  unlimitedTopicCount(id: string | bigint | number): number {
    return this.#ledger.count('unlimitedTopics', topicIdOf(id));
  }

  /**
   * The members of a group or an unlimited group, in the order in which they joined; undefined when there is none of this id.
   *
   * @throws TypeError as {@link topicInbox} does
   */
  topicMembers(id: string | bigint | number): readonly string[] | undefined {
    return this.#topics.membersOf(topicIdOf(id));
  }

  /**
   * Lets an account join an unlimited group, which users do with MIMC's client SDK only (docs/mimc-api.md §6).
   *
   * @throws TypeError when there is no such group
   */
  joinUnlimitedTopic(id: string | bigint | number, account: string): void {
    this.#unlimited(id).members.add(account);
  }

  /** Lets an account leave an unlimited group; throws as {@link joinUnlimitedTopic} does. */
  leaveUnlimitedTopic(id: string | bigint | number, account: string): void {
    this.#unlimited(id).members.delete(account);
  }

  /** Sums over everything since the start or the last {@link clear}; a copy. */
  get totals(): EmulatorTotals {
    return this.#ledger.totals;
  }

  /**
   * The most accounts, topics and unlimited topics that arrived in any one-second window. A request arrives when its body is read to the
   * end; it counts when it is well-formed and authenticated, whether it was then accepted, throttled or met a fault.
   */
  get worstWindow(): Readonly<Record<EmulatorAudience, number>> {
    return this.#pushApi.worstWindow;
  }

  /** Open connections now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * Scripts faults for the next requests of its endpoints, of pushes, tokens and groups, one each, in the order in which their headers arrive; after
   * those that are scripted already. They go before {@link faultWhen} and `chaos`.
   *
   * @param times how often to play the fault, or the whole list; default 1.
   * @throws TypeError when a fault's field is out of range.
   */
  failNext(fault: EmulatorFault | readonly EmulatorFault[], times = 1): void {
    this.#script.push([fault].flat(), times);
  }

  /**
   * Plays `fault` on every request of its endpoints for which `applies` returns true, once it is read and before it is
   * judged; the first rule that applies wins. Returns what removes the rule.
   *
   * @throws TypeError as {@link failNext}, and for a reset before the body is read.
   */
  faultWhen(applies: (request: EmulatedRequest) => boolean, fault: EmulatorFault): () => void {
    return this.#script.addRule({ applies, fault });
  }

  /** Calls `listener` with every message that enters the ledger, in either mode. Returns what unsubscribes it. */
  onMessage(listener: EmulatorMessageListener): () => void {
    return this.#ledger.listen(listener);
  }

  /** Calls `listener` with every request when its answer has ended, or its connection. Returns what unsubscribes it. */
  onRequest(listener: EmulatorRequestListener): () => void {
    return this.#ledger.follow(listener);
  }

  /** Where callbacks go: an http URL on loopback, or undefined for nowhere. Those that were begun keep their own. */
  get callbackUrl(): string | undefined {
    return this.#callbacks.url;
  }

  set callbackUrl(url: string | undefined) {
    this.#callbacks.url = url;
  }

  /**
   * Plays a message that a user sends with a client of MIMC: the application gets a callback, and a second one when its
   * recipient, or a member of its group, {@link setOffline is offline}. The message enters no inbox. Other processes
   * `POST` it as JSON to `/emulator/user-messages`.
   *
   * @returns what is sent, and becomes of it: nothing has been answered yet
   * @throws TypeError when a field is wrong, or there is no `callbackUrl`
   */
  userSends(message: EmulatorUserMessage): readonly EmulatedCallback[] {
    return this.#callbacks.userSends(message);
  }

  /** Every callback so far, oldest first; always empty with `ledger: 'counts'`. */
  get callbacks(): readonly EmulatedCallback[] {
    return this.#callbacks.sent;
  }

  /** Resolves when no callback so far has a repeat left. */
  callbacksSettled(): Promise<void> {
    return this.#callbacks.settled();
  }

  /** From now on the devices of an account are offline; all accounts are online at first. */
  setOffline(account: string, resources: readonly string[] = ['phone']): void {
    this.#callbacks.setOffline(account, resources);
  }

  /** From now on the account is online. */
  setOnline(account: string): void {
    this.#callbacks.setOnline(account);
  }

  /**
   * Forgets the ledger, the requests, the callbacks and their repeats, the totals, the windows, the groups and every scripted
   * fault and rule. Chaos continues.
   */
  clear(): void {
    this.#ledger.clear();
    this.#pushApi.clear();
    this.#topics.clear();
    this.#script.clear();
    void this.#callbacks.clear();
  }

  /** Cuts every connection, hanging ones too, and stops listening. The ledger stays readable. Harmless when called twice. */
  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  #unlimited(id: string | bigint | number): EmulatedTopic {
    const topic = this.#topics.get(topicIdOf(id));
    if (topic?.isUnlimited) return topic;
    throw new TypeError('there is no unlimited group of this id');
  }

  async #end(): Promise<void> {
    const listening = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // The server counts a socket as gone a little before it is, so `close` waits for both.
    const sockets = [...this.#sockets].map((socket) => new Promise((gone) => socket.once('close', gone).destroy()));
    this.#timers.close();
    this.#ledger.close();
    await Promise.all([listening, this.#callbacks.close(), ...sockets]);
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#settings.port, this.#settings.host, () => {
        this.#server.off('error', reject);
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** Answers what is not HTTP, as Node does by default, where the connection still takes an answer. */
function answerJunk(socket: Duplex): void {
  if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  else socket.destroy();
}
