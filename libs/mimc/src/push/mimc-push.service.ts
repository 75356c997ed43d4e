import { randomUUID } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { MimcEndpoint, MimcError, MimcViolation } from '../errors/mimc-error.js';
import { GuardedLimiter } from '../pacing/guarded.limiter.js';
import type { MimcRateLimiter } from '../pacing/rate-limiter.js';
import { SlidingWindowLimiter } from '../pacing/sliding-window.limiter.js';
import { UnlimitedLimiter } from '../pacing/unlimited.limiter.js';
import { MimcTransport } from '../transport/mimc-transport.js';
import { bodyWriter, Recipients } from './body.js';
import { CallLimits, CallScope } from './call-scope.js';
import { Call, Delivered, DeliveryEngine } from './delivery-engine.js';
import { callChannel, failureEvent, MimcCallEvent, tell, traced } from './diagnostics.js';
import { MimcQuotaKind, quotaOf, unitsPerSecond, violationsOfLimits } from './limits.js';
import { checkPushOptions, MimcRetryOptions, PushOptions } from './push-options.js';
import { PushMessageDto, PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from './push.dto.js';
import type { MimcPushStatus, MimcQuotaStatus } from './push-status.js';
import { PushWatch } from './push-watch.js';
import type { BatchPushReceipt, PushReceipt } from './receipts.js';
import { MimcSettings, withDefaults } from './settings.js';
import type { TopicId } from './topic-id.js';
import { check, Checked, invalid } from './validation.js';

/** A message, without recipients, that keeps the rules. */
export type CheckedMessage = Pick<PushMessageDto, keyof PushMessageDto>;

type CallId = Pick<Call, 'callId' | 'endpoint' | 'name'>;

/** How long a close waits for the connections to be gone, in milliseconds; without a fake clock they are at once. */
const CONNECTIONS_MS = 1_000;

interface PreparedCall {
  call: Call;
  limits: CallLimits;
}

/**
 * Pushes messages to accounts and groups. Every method validates its DTO itself, plain objects too, and resolves when
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
  readonly #shutdown = new AbortController();
  #closing: Promise<void> | undefined;

  /** @internal Applications inject the service. */
  constructor(settings: MimcSettings) {
    this.#settings = settings;
    this.#transport = new MimcTransport(settings, settings.credentials.redact);
    this.#limiter = limiterFor(settings);
    this.#watch = new PushWatch(settings.name);
    this.#engine = new DeliveryEngine(this.#transport, this.#limiter, this.#watch);
  }

  /** Pushes a message to one account. */
  async toAccount(dto: PushToAccountDto, options?: PushOptions): Promise<PushReceipt> {
    return receiptOf(await this.#push('p2p', PushToAccountDto, dto, options));
  }

  /** Pushes the same message to many accounts in one request, which is never split. */
  toAccounts(dto: PushToAccountsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return this.#push('p2p/more', PushToAccountsDto, dto, options);
  }

  /** Pushes a message to one group. */
  async toTopic(dto: PushToTopicDto, options?: PushOptions): Promise<PushReceipt> {
    return receiptOf(await this.#push('p2t', PushToTopicDto, dto, options));
  }

  /** Pushes the same message to many groups in one request, which is never split. */
  toTopics(dto: PushToTopicsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return this.#push('p2t/more', PushToTopicsDto, dto, options);
  }

  /** What can be told without a push: whether the module is closing, its quotas, and how the latest attempts went. */
  status(): MimcPushStatus {
    const of = (kind: MimcQuotaKind): MimcQuotaStatus => ({
      ...this.#limiter.status(kind),
      unitsPerSecond: unitsPerSecond(kind, this.#settings.quota),
    });
    return {
      closing: this.#closing !== undefined,
      accounts: of('accounts'),
      topics: of('topics'),
      ...this.#watch.recent,
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
   * What a broadcast asks before it begins.
   *
   * @internal
   * @throws MimcError `MIMC_INVALID` when the message, which names no recipients, breaks a rule
   */
  checkMessage(message: unknown, ofOptions: readonly MimcViolation[]): CheckedMessage {
    return this.#accept(check(PushMessageDto, message), ofOptions, {});
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
    { priority = 'bulk', retry }: Pick<PushOptions, 'priority' | 'retry'>,
  ): (recipients: readonly TopicId[], admissionSignal: AbortSignal) => Promise<BatchPushReceipt> {
    const endpoint = kind === 'accounts' ? 'p2p/more' : 'p2t/more';
    const body = bodyWriter(message, this.#settings);
    const to = (recipients: readonly TopicId[]): Recipients =>
      kind === 'accounts' ? { toAccounts: recipients as readonly string[] } : { topicIds: recipients };
    const retries = this.#retry(retry);
    return (recipients, admissionSignal) =>
      this.#call(endpoint, ({ callId, name }) => ({
        call: {
          callId,
          endpoint,
          name,
          body: body(to(recipients)),
          bucket: kind,
          units: recipients.length,
          lane: priority,
          ignoresMaxQueued: true,
          retry: retries,
        },
        limits: { admissionSignal },
      }));
  }

  #push<T extends PushMessageDto & Recipients>(
    endpoint: MimcEndpoint,
    type: new () => T,
    given: T,
    options: PushOptions | undefined,
  ): Promise<Delivered> {
    return this.#call(endpoint, (id) => this.#prepare(id, check(type, given), checkPushOptions(options)));
  }

  /** Makes a call, with the events of `mimc:call` around it. */
  #call(endpoint: MimcEndpoint, prepare: (id: CallId) => PreparedCall): Promise<Delivered> {
    const { name, server } = this.#settings;
    const callId = randomUUID();
    const begin = (): MimcCallEvent => ({
      callId,
      endpoint,
      ...(name !== undefined && { name }),
      server: { ...server },
    });
    const step = async (event?: MimcCallEvent) => {
      const { call, limits } = prepare({ callId, endpoint, name });
      if (event !== undefined) tell(event, { recipients: call.units, lane: call.lane });
      return await this.deliver(call, new CallScope(limits));
    };
    return traced(callChannel, begin, step, recordCall);
  }

  #prepare(
    id: CallId,
    checked: Checked<PushMessageDto & Recipients>,
    { value: options, violations }: Checked<PushOptions>,
  ): PreparedCall {
    const dto = this.#accept(checked, violations, { callId: id.callId, endpoint: id.endpoint });
    const { deadlineMs = this.#settings.deadlineMs, signal, admissionSignal, priority, retry } = options ?? {};
    const call: Call = {
      callId: id.callId,
      endpoint: id.endpoint,
      name: id.name,
      body: bodyWriter(dto, this.#settings)(dto),
      bucket: quotaOf(id.endpoint),
      units: dto.toAccounts?.length ?? dto.topicIds?.length ?? 1,
      lane: priority ?? 'interactive',
      retry: this.#retry(retry),
    };
    return { call, limits: { deadlineMs, signal, admissionSignal } };
  }

  /** @internal What the recording service of `nestjs-mimc/testing` does in its own way. */
  protected deliver(call: Call, scope: CallScope): Promise<Delivered> {
    return this.#engine.deliver(call, scope);
  }

  /** The DTO, unless it or the options break a rule. */
  #accept<T extends PushMessageDto & Recipients>(
    checked: Checked<T>,
    ofOptions: readonly MimcViolation[],
    call: { callId?: string; endpoint?: MimcEndpoint },
  ): T {
    const ofLimits = violationsOfLimits(checked, this.#settings);
    const isValid = checked.violations.length + ofLimits.length + ofOptions.length === 0;
    if (checked.value !== undefined && isValid) return checked.value;
    const found = [...checked.violations, ...ofLimits, ...ofOptions];
    // A caller can name a field as it likes.
    const { redact } = this.#settings.credentials;
    const named = found.map(({ field, rule, message }) => ({ field: redact(field), rule, message: redact(message) }));
    throw new MimcError({ ...invalid(named), ...call });
  }

  #retry(given: PushOptions['retry']): MimcRetryOptions {
    const { retry } = this.#settings;
    if (given === false) return { ...retry, maxAttempts: 1 };
    return given === undefined ? retry : withDefaults(retry, given);
  }
}

function limiterFor({ limiter, quota }: MimcSettings): MimcRateLimiter {
  if (limiter !== undefined) return new GuardedLimiter(limiter);
  if (quota === false) return new UnlimitedLimiter();
  const limits = { accounts: quota.accountsPerSecond, topics: quota.topicsPerSecond };
  return new SlidingWindowLimiter({ limits, maxQueued: quota.maxQueued });
}

/** Waits for `work`, but not longer than `ms` of real time: `node:timers` are not those that tests fake. */
async function within(ms: number, work: void | Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, patience]);
  clearTimeout(timer);
}

function receiptOf({ packetIds, callId, attempts, timing, mayBeDuplicate }: Delivered): PushReceipt {
  return { packetId: packetIds[0], callId, attempts, timing, mayBeDuplicate };
}

function recordCall(end: PromiseSettledResult<Delivered>): Partial<MimcCallEvent> {
  if (end.status === 'fulfilled') {
    const { attempts, mayBeDuplicate } = end.value;
    return { attempts, result: { mayBeDuplicate } };
  }
  const error: unknown = end.reason;
  return MimcError.is(error) ? { attempts: error.attempts, error: failureEvent(error) } : {};
}
