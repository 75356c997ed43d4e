import {
  CreateTopicDto,
  type MimcCallOptions,
  type MimcError,
  MimcTopicService,
  TopicAccountsDto,
  TopicActionDto,
  TransferTopicDto,
  UpdateTopicDto,
} from '../index.js';
import { CallRecorder } from './call-recorder.js';
import { copyOf } from './copy-of.js';
import type { RecordingMimcPushService } from './recording-push.service.js';

/** A call about a group that the application under test made. */
export type RecordedTopicCall = { options?: MimcCallOptions | undefined } & (
  | { method: 'create'; dto: CreateTopicDto }
  | { method: 'get' | 'quit' | 'dissolve'; dto: TopicActionDto }
  | { method: 'invite' | 'kick'; dto: TopicAccountsDto }
  | { method: 'update'; dto: UpdateTopicDto }
  | { method: 'transfer'; dto: TransferTopicDto }
  | { method: 'list'; account: string }
);

/**
 * A {@link MimcTopicService} that asks nobody: it validates as the real one does, refuses what is aborted already or comes after
 * the shutdown, records all other calls, and answers with a group made up from the call, or with the error that a test
 * asked for. It remembers no groups, so that `list` is empty: for that there is the emulator.
 *
 * @example
 * const topics: RecordingMimcTopicService = module.get(MimcTopicService);
 * topics.calls[0]; // { method: 'create', dto: { ownerAccount: 'alice', … } }
 */
export class RecordingMimcTopicService extends MimcTopicService {
  readonly #recorder: CallRecorder<RecordedTopicCall>;

  constructor(push: RecordingMimcPushService) {
    super(push);
    this.#recorder = new CallRecorder(push);
  }

  /** The valid calls so far, in their order. */
  get calls(): readonly RecordedTopicCall[] {
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

  override create(dto: CreateTopicDto, options?: MimcCallOptions) {
    return this.#record({ method: 'create', dto, options }, () => super.create(dto, options));
  }

  override get(dto: TopicActionDto, options?: MimcCallOptions) {
    return this.#record({ method: 'get', dto, options }, () => super.get(dto, options));
  }

  override list(account: string, options?: MimcCallOptions) {
    return this.#record({ method: 'list', account, options }, () => super.list(account, options));
  }

  override invite(dto: TopicAccountsDto, options?: MimcCallOptions) {
    return this.#record({ method: 'invite', dto, options }, () => super.invite(dto, options));
  }

  override kick(dto: TopicAccountsDto, options?: MimcCallOptions) {
    return this.#record({ method: 'kick', dto, options }, () => super.kick(dto, options));
  }

  override quit(dto: TopicActionDto, options?: MimcCallOptions) {
    return this.#record({ method: 'quit', dto, options }, () => super.quit(dto, options));
  }

  override update(dto: UpdateTopicDto, options?: MimcCallOptions) {
    return this.#record({ method: 'update', dto, options }, () => super.update(dto, options));
  }

  override transfer(dto: TransferTopicDto, options?: MimcCallOptions) {
    return this.#record({ method: 'transfer', dto, options }, () => super.transfer(dto, options));
  }

  override dissolve(dto: TopicActionDto, options?: MimcCallOptions) {
    return this.#record({ method: 'dissolve', dto, options }, () => super.dissolve(dto, options));
  }

  #record<T>(call: RecordedTopicCall, make: () => Promise<T>): Promise<T> {
    return this.#recorder.record(() => copyOf(call, DTOS), make);
  }
}

const DTOS = [CreateTopicDto, TopicActionDto, TopicAccountsDto, UpdateTopicDto, TransferTopicDto];
