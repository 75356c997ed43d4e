import { randomUUID } from 'node:crypto';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import type { CallLimits } from '../delivery/call-scope.js';
import { Call, Delivered, DeliveryEngine } from '../delivery/delivery-engine.js';
import { callChannel, extend, failureEvent, MimcCallEvent, traced } from '../delivery/diagnostics.js';
import { PushWatch } from '../delivery/push-watch.js';
import { within } from '../delivery/within.js';
import { MimcEndpoint, MimcError, MimcPushEndpoint, MimcViolation } from '../errors/mimc-error.js';
import { type MimcQuotaBucket, type MimcQuotaKind, unitsPerSecond } from '../pacing/quota.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import { MimcTransport } from '../transport/mimc-transport.js';
import type { PacketIds } from '../transport/reply.js';
import type { TopicId } from '../validation/push-rules.js';
import { MAX_TIMER_MS } from '../validation/rules.js';
import { CallFactory, CallId, PreparedCall } from './call-factory.js';
import type { CheckedMessage, StoredEndpoint, StoredPush } from './push-kinds.js';
import type { PushOptions } from './push-options.js';
import { PushDto, PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from './push.dto.js';
import type { MimcPushStatus, MimcQuotaStatus } from './push-status.js';
import type { BatchPushReceipt, PushReceipt } from './receipts.js';
import {
  PushManyToUnlimitedTopicDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
} from './unlimited-push.dto.js';
import { limiterOf } from './limiter-of.js';
import type { MimcSettings } from './settings.js';

/** How long a close waits for the connections to be gone, in milliseconds; without a fake clock they are at once. */
const CONNECTIONS_MS = 1_000;

/**
 * Pushes messages to accounts, groups and unlimited groups. Every method validates its DTO itself, plain objects too, and resolves when
 * MIMC has taken the message.
 *
 * A call that fails rejects with a {@link MimcError}. Its `outcome` says whether anything may have been sent; `code` is
 * `MIMC_INVALID`, `MIMC_QUEUE_FULL`, `MIMC_CLOSED`, `MIMC_CONNECT`, `MIMC_ABORTED`, `MIMC_DEADLINE`, `MIMC_TIMEOUT`,
 * `MIMC_RESET`, `MIMC_HTTP`, `MIMC_BAD_RESPONSE`, `MIMC_AUTH`, `MIMC_RATE_LIMITED` or `MIMC_API`.
 */
export class MimcPushService implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #settings: MimcSettings;
  readonly #transport: MimcTransport;
  readonly #limiter: MimcRateLimiter;
  readonly #watch: PushWatch;
  readonly #engine: DeliveryEngine;
  readonly #calls: CallFactory;
  readonly #shutdown = new AbortController();
  #closing: Promise<void> | undefined;
  /** Broadcasts, and what else consists of several calls. */
  #uses = 0;

  /** @internal Applications inject the service. */
  constructor(settings: MimcSettings, limiter = limiterOf(settings)) {
    this.#settings = settings;
    this.#calls = new CallFactory(settings);
    this.#transport = new MimcTransport(settings, settings.credentials.redact);
    this.#limiter = limiter;
    this.#watch = new PushWatch(settings.name);
    this.#engine = new DeliveryEngine(this.#transport, this.#limiter, this.#watch, settings.credentials);
  }

  /** Pushes a message to one account. */
  async toAccount(dto: PushToAccountDto, options?: PushOptions): Promise<PushReceipt> {
    return receiptOf(await this.#push('p2p', dto, options));
  }

  /** Pushes the same message to many accounts in one request, which is never split. */
  async toAccounts(dto: PushToAccountsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return batchReceiptOf(await this.#push('p2p/more', dto, options));
  }

  /** Pushes a message to one group. */
  async toTopic(dto: PushToTopicDto, options?: PushOptions): Promise<PushReceipt> {
    return receiptOf(await this.#push('p2t', dto, options));
  }

  /** Pushes the same message to many groups in one request, which is never split. */
  async toTopics(dto: PushToTopicsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return batchReceiptOf(await this.#push('p2t/more', dto, options));
  }

  /** Pushes a message to one unlimited group. */
  async toUnlimitedTopic(dto: PushToUnlimitedTopicDto, options?: PushOptions): Promise<PushReceipt> {
    return receiptOf(await this.#push('ucs/singleMsgPush', dto, options));
  }

  /** Pushes the same message to many unlimited groups in one request, which is never split. */
  async toUnlimitedTopics(dto: PushToUnlimitedTopicsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return batchReceiptOf(await this.#push('ucs/multiTopicPush', dto, options));
  }

  /** Pushes many messages to one unlimited group in one request, which is never split; `requested` counts the messages. */
  async manyToUnlimitedTopic(dto: PushManyToUnlimitedTopicDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return batchReceiptOf(await this.#push('ucs/multiMsgPush', dto, options));
  }

  /** What is known without sending a push: whether the module is closing, its quotas, and how the latest attempts went. */
  status(): MimcPushStatus {
    const of = (bucket: MimcQuotaBucket): MimcQuotaStatus => ({
      ...this.#limiter.status(bucket),
      unitsPerSecond: unitsPerSecond(bucket, this.#settings.quota),
    });
    return {
      closing: this.#closing !== undefined,
      accounts: of('accounts'),
      topics: of('topics'),
      unlimitedTopics: of('unlimitedTopics'),
      ...this.#watch.recent,
    };
  }

  /**
   * Calls the function `credentials` and uses what it returns from now on: for calls that begin, and for those that MIMC
   * refuses with the credentials before. Each call asks after it was made; calls at the same time share one answer.
   *
   * @returns whether the function returned other credentials than those in use
   * @throws MimcError `MIMC_CONFIG` when the module has no such function, or when it throws, returns anything else than
   * credentials or takes longer than 10 s: those in use stay; `MIMC_CLOSED` when the application is shutting down
   */
  async refreshCredentials(): Promise<boolean> {
    const end = this.beginUse();
    try {
      return await this.#settings.credentials.refresh();
    } finally {
      end();
    }
  }

  /** @internal Whether a call, a broadcast, a loop over `members` or a refresh of credentials is in progress. */
  get inUse(): boolean {
    return this.#uses > 0 || this.#engine.inUse;
  }

  /** @internal Something begins that consists of several calls, so that the service is in use between them; returns what ends it. */
  beginUse(): () => void {
    let isOver = false;
    this.#uses += 1;
    return () => {
      if (!isOver) this.#uses -= 1;
      isOver = true;
    };
  }

  /** @internal Aborts when the application begins to shut down. */
  get closing(): AbortSignal {
    return this.#shutdown.signal;
  }

  /**
   * Refuses new and waiting calls with `MIMC_CLOSED` and gives those in flight `shutdownMs`. Here rather than in
   * `onApplicationShutdown`, before which Nest waits for the open HTTP requests, which may wait for these calls.
   */
  beforeApplicationShutdown(): Promise<void> {
    this.#shutdown.abort();
    this.#settings.credentials.close();
    this.#closing ??= this.#engine.close(this.#settings.shutdownMs);
    return this.#closing;
  }

  /**
   * Closes the module: what its two shutdown hooks do, one after the other. Nest calls those itself, but not of a module
   * that was loaded lazily, with `LazyModuleLoader`: its owner calls this. Harmless when repeated.
   */
  close(): Promise<void> {
    return this.onApplicationShutdown();
  }

  /** Closes the connections and the limiter. */
  async onApplicationShutdown(): Promise<void> {
    await this.beforeApplicationShutdown();
    await within(CONNECTIONS_MS, this.#transport.close());
    await within(this.#settings.shutdownMs, this.#limiter.close());
  }

  /**
   * Checks the message of a broadcast before it begins.
   *
   * @internal
   * @throws MimcError `MIMC_INVALID` when the message, which names no recipients, breaks a rule
   */
  checkMessage(message: unknown, ofOptions: readonly MimcViolation[]): CheckedMessage {
    return this.#calls.messageOf(message, ofOptions);
  }

  /** @internal A checked message with the module's sender, complete wherever it is sent. */
  withSender(message: CheckedMessage): CheckedMessage {
    return this.#calls.withSender(message);
  }

  /**
   * Sends one message to list after list of recipients: what was checked once is not checked again for each. A call waits
   * for quota as long as it takes, as a penalty must not run through an audience; the time limits of an attempt hold.
   *
   * @internal
   * @param message what {@link checkMessage} returned
   * @returns what sends to a list that holds valid recipients, not too many, and does not change; its signal ends a call
   * that was not sent yet
   */
  sender(
    kind: MimcQuotaKind,
    message: CheckedMessage,
    options: Pick<PushOptions, 'priority' | 'retry'>,
  ): (recipients: readonly TopicId[], admissionSignal: AbortSignal) => Promise<BatchPushReceipt> {
    const endpoint = kind === 'accounts' ? 'p2p/more' : 'p2t/more';
    const batch = this.#calls.batchesOf(kind, message, options);
    return async (recipients, signal) => {
      return batchReceiptOf(await this.call(endpoint, (id) => batch(id, recipients, signal)));
    };
  }

  /**
   * Sends whole pushes, one at a call, as {@link sender} sends one message.
   *
   * @internal
   */
  eachSender(
    options: Pick<PushOptions, 'priority' | 'retry'>,
  ): (
    pushes: readonly (PushToAccountDto | PushToTopicDto)[],
    admissionSignal: AbortSignal,
  ) => Promise<BatchPushReceipt> {
    const { priority = 'bulk', retry } = options;
    return async ([push], admissionSignal) => {
      const limits: PushOptions = { priority, retry, admissionSignal, deadlineMs: MAX_TIMER_MS };
      const isToTopic = push !== undefined && 'topicId' in push;
      const { packetId, ...receipt } = isToTopic
        ? await this.toTopic(push, limits)
        : await this.toAccount(push as PushToAccountDto, limits);
      return { packetIds: [packetId], requested: 1, ...receipt };
    };
  }

  /** @internal The app whose messages these are. */
  get appId(): string {
    return this.#settings.appId;
  }

  /**
   * Checks a push before a queue keeps it.
   *
   * @internal
   * @returns the push as {@link durable} takes it
   * @throws MimcError `MIMC_INVALID`
   */
  checkPush(endpoint: StoredEndpoint, given: unknown): StoredPush {
    return this.#calls.pushOf(given, endpoint);
  }

  /**
   * Makes one attempt at a push that is kept elsewhere: it waits for quota as long as it takes.
   *
   * @internal
   * @param claim called once it is admitted, before it leaves; nothing leaves when it rejects
   * @throws MimcError
   */
  durable(
    endpoint: StoredEndpoint,
    dto: StoredPush,
    options: Pick<PushOptions, 'priority' | 'admissionSignal'>,
    claim: () => Promise<void>,
  ): Promise<Delivered<PacketIds>> {
    return this.call(endpoint, (id) => this.#calls.durableCallOf(id, dto, options, claim));
  }

  #push(endpoint: MimcPushEndpoint, given: PushDto, options?: PushOptions): Promise<Delivered<PacketIds>> {
    return this.call(endpoint, (id) => this.#calls.callOf(id, given, options));
  }

  /**
   * Makes a call of any kind over the connections of this module, with the events of `mimc:call` around it. It ends with the
   * module, as a push does.
   *
   * @internal
   * @param prepare checks what was given and writes the body
   * @throws MimcError
   */
  call<T, E extends MimcEndpoint>(
    endpoint: E,
    prepare: (id: CallId<E>, settings: MimcSettings) => PreparedCall<T>,
  ): Promise<Delivered<T>> {
    const { name, server } = this.#settings;
    const callId = randomUUID();
    const step = async (event?: MimcCallEvent) => {
      const { call, limits } = prepare({ callId, endpoint, name }, this.#settings);
      // Only what draws on a quota has recipients.
      if (event !== undefined && call.bucket !== undefined) extend(event, { recipients: call.units, lane: call.lane });
      return await this.deliver(call, limits);
    };
    if (!callChannel.hasSubscribers) return step();
    const event = { callId, endpoint, ...(name !== undefined && { name }), server: { ...server } };
    return traced<MimcCallEvent, Delivered<T>>(callChannel, event, step, recordCall);
  }

  /** @internal What the recording service of `nestjs-mimc/testing` does in its own way. */
  protected deliver<T>(call: Call<T>, limits: CallLimits): Promise<Delivered<T>> {
    return this.#engine.deliver(call, limits);
  }
}

function receiptOf({ answer, callId, attempts, timing, mayBeDuplicate }: Delivered<PacketIds>): PushReceipt {
  return { packetId: answer[0], callId, attempts, timing, mayBeDuplicate };
}

function batchReceiptOf(delivered: Delivered<PacketIds>): BatchPushReceipt {
  const { answer, requested, callId, attempts, timing, mayBeDuplicate } = delivered;
  return { packetIds: answer, requested, callId, attempts, timing, mayBeDuplicate };
}

function recordCall(end: PromiseSettledResult<Delivered<unknown>>): Partial<MimcCallEvent> {
  if (end.status === 'fulfilled') {
    const { attempts, mayBeDuplicate } = end.value;
    return { attempts, result: { mayBeDuplicate } };
  }
  const error: unknown = end.reason;
  return MimcError.is(error) ? { attempts: error.attempts, error: failureEvent(error) } : {};
}
