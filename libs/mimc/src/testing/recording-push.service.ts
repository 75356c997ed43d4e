import {
  type BatchPushReceipt,
  type InPart,
  MimcError,
  type MimcModuleOptions,
  MimcPushService,
  type MimcQuotaKind,
  type PushOptions,
  type PushReceipt,
  PushManyToUnlimitedTopicDto,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
  type TopicId,
} from '../index.js';
import {
  type Call,
  type CallLimits,
  CheckedMessage,
  type Delivered,
  isPush,
  isRecord,
  resolveOptions,
  splitExtras,
  stopFailure,
} from '../internals.js';
import { copyOf } from './copy-of.js';
import { RecordedAnswers } from './recorded-answers.js';

/** A push that the application under test made. */
export type RecordedPush = { options?: PushOptions | undefined } & (
  | { method: 'toAccount'; dto: PushToAccountDto }
  | { method: 'toAccounts'; dto: PushToAccountsDto }
  | { method: 'toTopic'; dto: PushToTopicDto }
  | { method: 'toTopics'; dto: PushToTopicsDto }
  | { method: 'toUnlimitedTopic'; dto: PushToUnlimitedTopicDto }
  | { method: 'toUnlimitedTopics'; dto: PushToUnlimitedTopicsDto }
  | { method: 'manyToUnlimitedTopic'; dto: PushManyToUnlimitedTopicDto }
);

/**
 * A {@link MimcPushService} that sends nothing: it validates as the real one does, refuses what is aborted already or comes
 * after the shutdown, records all other calls, and answers with a receipt at once, or with the error that a test asked for.
 *
 * @example
 * const push = new RecordingMimcPushService();
 * const module = await Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(MimcPushService)
 *   .useValue(push)
 *   .compile();
 */
export class RecordingMimcPushService extends MimcPushService {
  /** The valid calls so far, in their order. */
  readonly calls: RecordedPush[] = [];
  /** @internal Set by another recording service around a call of its own: records it, and says how it fails. */
  onOther: (() => MimcError | undefined) | undefined;
  readonly #answers: RecordedAnswers;
  readonly #failures: MimcError[] = [];
  #current: RecordedPush | undefined;
  #packets = 0;

  /** @param options whatever the module's own options say about validation; `fromAccount` is `server` by default */
  constructor(options: InPart<MimcModuleOptions> = {}, name?: string) {
    const settings = resolveOptions(withInvented(options), name);
    super(settings);
    this.#answers = new RecordedAnswers(settings.appId);
  }

  /** The next valid call rejects with `error`; called again, the one after it, and so on. */
  failNext(error: MimcError): void {
    this.#failures.push(error);
  }

  /** Forgets the calls and the failures to come. */
  clear(): void {
    this.calls.length = 0;
    this.#failures.length = 0;
  }

  override toAccount(dto: PushToAccountDto, options?: PushOptions): Promise<PushReceipt> {
    return this.#recorded({ method: 'toAccount', dto, options }, () => super.toAccount(dto, options));
  }

  override toAccounts(dto: PushToAccountsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return this.#recorded({ method: 'toAccounts', dto, options }, () => super.toAccounts(dto, options));
  }

  override toTopic(dto: PushToTopicDto, options?: PushOptions): Promise<PushReceipt> {
    return this.#recorded({ method: 'toTopic', dto, options }, () => super.toTopic(dto, options));
  }

  override toTopics(dto: PushToTopicsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return this.#recorded({ method: 'toTopics', dto, options }, () => super.toTopics(dto, options));
  }

  override toUnlimitedTopic(dto: PushToUnlimitedTopicDto, options?: PushOptions): Promise<PushReceipt> {
    return this.#recorded({ method: 'toUnlimitedTopic', dto, options }, () => super.toUnlimitedTopic(dto, options));
  }

  override toUnlimitedTopics(dto: PushToUnlimitedTopicsDto, options?: PushOptions): Promise<BatchPushReceipt> {
    return this.#recorded({ method: 'toUnlimitedTopics', dto, options }, () => super.toUnlimitedTopics(dto, options));
  }

  override manyToUnlimitedTopic(dto: PushManyToUnlimitedTopicDto, options?: PushOptions): Promise<BatchPushReceipt> {
    const send = () => super.manyToUnlimitedTopic(dto, options);
    return this.#recorded({ method: 'manyToUnlimitedTopic', dto, options }, send);
  }

  /** Asks nobody: no credentials are used. */
  override async refreshCredentials(): Promise<boolean> {
    return false;
  }

  /** @internal The chunks of a broadcast are recorded as calls of `toAccounts` and `toTopics`. */
  override sender(
    kind: MimcQuotaKind,
    message: CheckedMessage,
    { priority = 'bulk', retry }: Pick<PushOptions, 'priority' | 'retry'>,
  ): (recipients: readonly TopicId[], admissionSignal: AbortSignal) => Promise<BatchPushReceipt> {
    return (recipients, admissionSignal) => {
      const options = { priority, admissionSignal, ...(retry !== undefined && { retry }) };
      return kind === 'accounts'
        ? this.toAccounts({ ...message, toAccounts: recipients as string[] }, options)
        : this.toTopics({ ...message, topicIds: [...recipients] }, options);
    };
  }

  /** @internal */
  protected override async deliver<T>(call: Call<T>, { signal, admissionSignal }: CallLimits): Promise<Delivered<T>> {
    const { callId, endpoint, units } = call;
    const isAborted = signal?.aborted === true || admissionSignal?.aborted === true;
    const stopped = this.status().closing ? 'MIMC_CLOSED' : isAborted ? 'MIMC_ABORTED' : undefined;
    if (stopped !== undefined) throw new MimcError({ ...stopFailure(stopped, 'not-sent'), callId, endpoint });
    if (this.#current !== undefined) this.calls.push(copyOf(this.#current, DTOS));
    const failure = isPush(endpoint) ? this.#failures.shift() : this.onOther?.();
    if (failure !== undefined) throw failure;
    const result = call.read({ status: 200, headers: {}, body: this.#reply(call) }, (text) => text);
    if (!result.ok) throw new MimcError({ ...result.failure, callId, endpoint });
    return {
      answer: result.answer,
      requested: units,
      callId,
      attempts: 1,
      timing: { queuedMs: 0, networkMs: 0, backoffMs: 0 },
      mayBeDuplicate: false,
    };
  }

  /** What MIMC would answer, for the call itself to read. */
  #reply(call: Call): string {
    const { endpoint } = call;
    if (!isPush(endpoint)) return this.#answers.of(endpoint, call);
    const packetIds = Array.from({ length: call.units }, () => `recorded-${++this.#packets}`);
    return JSON.stringify({ code: 200, data: { packetId: packetIds[0], packetIds }, message: 'success' });
  }

  /** A valid call comes to {@link deliver} before `send` returns, so that it is recorded even if nobody awaits it. */
  #recorded<T>(call: RecordedPush, send: () => Promise<T>): Promise<T> {
    this.#current = call;
    try {
      return send();
    } finally {
      this.#current = undefined;
    }
  }
}

/** What a test leaves out of the options is invented. */
function withInvented(given: InPart<MimcModuleOptions>): MimcModuleOptions {
  const { options } = splitExtras(given, []);
  if (!isRecord(options)) return options;
  const { credentials }: InPart<MimcModuleOptions> = options;
  const secrets = credentials === undefined && { appKey: 'recorded', appSecret: 'recorded' };
  return { appId: '0', fromAccount: 'server', ...secrets, ...options };
}

const DTOS = [
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
  PushManyToUnlimitedTopicDto,
];
