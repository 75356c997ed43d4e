import { MimcError } from '../errors/mimc-error.js';
import type { MimcModuleOptions } from '../module/mimc-options.js';
import { resolveOptions, splitExtras } from '../module/resolve-options.js';
import type { CallScope } from '../push/call-scope.js';
import type { Call, Delivered } from '../push/delivery-engine.js';
import { CheckedMessage, MimcPushService } from '../push/mimc-push.service.js';
import type { MimcQuotaKind } from '../push/limits.js';
import { fieldsOf, type InPart, isRecord } from '../push/options-object.js';
import { declaredFields } from '../push/plainly-valid.js';
import type { PushOptions } from '../push/push-options.js';
import { stopFailure } from '../transport/mimc-transport.js';
import { PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from '../push/push.dto.js';
import type { BatchPushReceipt, PushReceipt } from '../push/receipts.js';
import type { TopicId } from '../push/topic-id.js';

/** A push that the application under test made. */
export type RecordedPush = { options?: PushOptions | undefined } & (
  | { method: 'toAccount'; dto: PushToAccountDto }
  | { method: 'toAccounts'; dto: PushToAccountsDto }
  | { method: 'toTopic'; dto: PushToTopicDto }
  | { method: 'toTopics'; dto: PushToTopicsDto }
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
  readonly #failures: MimcError[] = [];
  #current: RecordedPush | undefined;
  #packets = 0;

  /** @param options whatever the module's own options say about validation; `fromAccount` is `server` by default */
  constructor(options: InPart<MimcModuleOptions> = {}, name?: string) {
    super(resolveOptions(withInvented(options), name));
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
  protected override async deliver({ callId, endpoint, units }: Call, scope: CallScope): Promise<Delivered> {
    scope.end();
    const stopped = this.status().closing ? 'MIMC_CLOSED' : scope.stopped;
    if (stopped !== undefined) throw new MimcError({ ...stopFailure(stopped, 'not-sent'), callId, endpoint });
    if (this.#current !== undefined) this.calls.push(copyOf(this.#current));
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    const [first, ...others] = Array.from({ length: units }, () => `recorded-${++this.#packets}`);
    return {
      packetIds: [first ?? '', ...others],
      requested: units,
      callId,
      attempts: 1,
      timing: { queuedMs: 0, networkMs: 0, backoffMs: 0 },
      mayBeDuplicate: false,
    };
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
  const invented = { appId: '0', appKey: 'recorded', appSecret: 'recorded', fromAccount: 'server' };
  return isRecord(options) ? { ...invented, ...options } : options;
}

const FIELDS = new Set(
  [PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto].flatMap((type) =>
    Array.from(declaredFields(type)),
  ),
);

/** What the application changes in its DTO later is another push. */
function copyOf<T extends RecordedPush>(push: T): T {
  const fields = Object.entries(fieldsOf(push.dto, FIELDS)).map(([key, value]) => [
    key,
    Array.isArray(value) ? [...(value as unknown[])] : value,
  ]);
  return { ...push, dto: Object.fromEntries(fields) as T['dto'] };
}
