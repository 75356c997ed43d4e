import {
  CreateUnlimitedTopicDto,
  type MimcCallOptions,
  type MimcError,
  type MimcUnlimitedTopicMember,
  MimcUnlimitedTopicService,
  TopicActionDto,
  UpdateUnlimitedTopicDto,
} from '../index.js';
import { CallRecorder } from './call-recorder.js';
import { copyOf } from './copy-of.js';
import type { RecordingMimcPushService } from './recording-push.service.js';

/** A call about an unlimited group that the application under test made. */
export type RecordedUnlimitedTopicCall = { options?: MimcCallOptions | undefined } & (
  | { method: 'create'; dto: CreateUnlimitedTopicDto }
  | { method: 'update'; dto: UpdateUnlimitedTopicDto }
  | { method: 'dissolve' | 'members' | 'onlineCount'; dto: TopicActionDto }
  | { method: 'list'; account: string }
);

/**
 * A {@link MimcUnlimitedTopicService} that asks nobody, as the recording group service: it remembers no groups, `list` is empty,
 * and the acting account is the only member of every group.
 *
 * @example
 * const unlimited: RecordingMimcUnlimitedTopicService = module.get(MimcUnlimitedTopicService);
 * unlimited.calls[0]; // { method: 'create', dto: { ownerAccount: 'alice', … } }
 */
export class RecordingMimcUnlimitedTopicService extends MimcUnlimitedTopicService {
  readonly #recorder: CallRecorder<RecordedUnlimitedTopicCall>;

  constructor(push: RecordingMimcPushService) {
    super(push);
    this.#recorder = new CallRecorder(push);
  }

  /** The valid calls so far, in their order. */
  get calls(): readonly RecordedUnlimitedTopicCall[] {
    return this.#recorder.calls;
  }

  /** The next valid call rejects with `error`; called again, the one after it, and so on. */
  failNext(error: MimcError): void {
    this.#recorder.failNext(error);
  }

  /** Forgets the calls and the failures to come. */
  clear(): void {
    this.#recorder.clear();
  }

  override create(dto: CreateUnlimitedTopicDto, options?: MimcCallOptions) {
    return this.#record({ method: 'create', dto, options }, () => super.create(dto, options));
  }

  override update(dto: UpdateUnlimitedTopicDto, options?: MimcCallOptions) {
    return this.#record({ method: 'update', dto, options }, () => super.update(dto, options));
  }

  override dissolve(dto: TopicActionDto, options?: MimcCallOptions) {
    return this.#record({ method: 'dissolve', dto, options }, () => super.dissolve(dto, options));
  }

  override list(account: string, options?: MimcCallOptions) {
    return this.#record({ method: 'list', account, options }, () => super.list(account, options));
  }

  override async *members(
    dto: TopicActionDto,
    options?: MimcCallOptions,
  ): AsyncGenerator<MimcUnlimitedTopicMember, void, undefined> {
    const members = super.members(dto, options);
    // All are on one page, which is one call.
    const first = await this.#record({ method: 'members', dto, options }, () => members.next());
    if (!first.done) yield first.value;
    yield* members;
  }

  override onlineCount(dto: TopicActionDto, options?: MimcCallOptions) {
    return this.#record({ method: 'onlineCount', dto, options }, () => super.onlineCount(dto, options));
  }

  #record<T>(call: RecordedUnlimitedTopicCall, make: () => Promise<T>): Promise<T> {
    return this.#recorder.record(() => copyOf(call, DTOS), make);
  }
}

const DTOS = [CreateUnlimitedTopicDto, UpdateUnlimitedTopicDto, TopicActionDto];
