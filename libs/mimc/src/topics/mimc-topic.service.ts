import type { CallReceipt } from '../delivery/call-progress.js';
import type { Delivered } from '../delivery/delivery-engine.js';
import type { MimcTopicEndpoint } from '../errors/mimc-error.js';
import type { MimcCallOptions } from '../push/api-call.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import { IsActor, IsShort } from '../validation/push-rules.js';
import { IsNotEmpty, IsString } from '../validation/rules.js';
import { type MimcTopic, type MimcTopicInfo, readDone, readTopics, topicReader } from './topic-answers.js';
import { nothingSet, topicCall, type TopicOperation } from './topic-call.js';
import { CreateTopicDto, TopicAccountsDto, TopicActionDto, TransferTopicDto, UpdateTopicDto } from './topic.dto.js';

/** The receipt of a call that only reads. */
export type ReadReceipt = Omit<CallReceipt, 'mayBeDuplicate'>;

/** Validates an account that is not a field of a DTO. */
export class ActorRules {
  @IsActor() @IsShort() @IsNotEmpty() @IsString() account!: string;
}

/**
 * Manages groups (topics) on behalf of an account of the application. MIMC decides what that account may do; for example, only
 * the owner may kick members. Take the account from the session of the user, never from the request.
 *
 * A call that fails rejects with a {@link MimcError}, as a push does: `outcome` says whether the group may have changed. Calls
 * that only read are retried whatever the outcome of an attempt. Calls that change a group are not repeated after `unknown`,
 * because MIMC has no idempotency key: a second `create` would make a second group, and a second `quit` would be refused.
 * Calls about groups use no quota.
 *
 * @example
 * const { topicInfo } = await topics.create({ ownerAccount: 'alice', topicName: 'Trip', accounts: ['bob', 'carol'] });
 * await push.toTopic({ topicId: topicInfo.topicId, fromAccount: 'alice', ...textMsg('Welcome') });
 */
export class MimcTopicService {
  /** @internal Applications inject the service. */
  constructor(private readonly push: MimcPushService) {}

  /** Creates a group: `POST /api/topic/{appId}`. The owner becomes a member. */
  async create(dto: CreateTopicDto, options?: MimcCallOptions): Promise<MimcTopic & CallReceipt> {
    const request = ({ ownerAccount: account, topicName, accounts, extra }: CreateTopicDto) => ({
      account,
      body: { topicName, accounts: accounts.join(','), extra },
      read: topicReader(),
    });
    return changed(await this.#call('topic/create', { type: CreateTopicDto, given: dto, options, request }));
  }

  /** Reads a group and its members: `GET /api/topic/{appId}/{topicId}`. */
  async get(dto: TopicActionDto, options?: MimcCallOptions): Promise<MimcTopic & ReadReceipt> {
    const request = ({ account, topicId }: TopicActionDto) => ({
      account,
      topicId,
      read: topicReader(String(topicId)),
    });
    const { answer, ...delivered } = await this.#call('topic/get', {
      type: TopicActionDto,
      given: dto,
      options,
      request,
    });
    return { ...answer, ...readReceiptOf(delivered) };
  }

  /** Reads the groups of an account, without their members: `GET /api/topic/{appId}/account`. */
  async list(account: string, options?: MimcCallOptions): Promise<{ topics: readonly MimcTopicInfo[] } & ReadReceipt> {
    const request = ({ account: actor }: ActorRules) => ({ account: actor, read: readTopics });
    const operation = { type: ActorRules, given: { account }, options, request };
    const { answer: topics, ...delivered } = await this.#call('topic/list', operation);
    return { topics, ...readReceiptOf(delivered) };
  }

  /** Adds members without asking them: `POST /api/topic/{appId}/{topicId}/accounts`. */
  async invite(dto: TopicAccountsDto, options?: MimcCallOptions): Promise<MimcTopic & CallReceipt> {
    const request = ({ account, topicId, accounts }: TopicAccountsDto) => ({
      account,
      topicId,
      body: { accounts: accounts.join(',') },
      read: topicReader(String(topicId)),
    });
    return changed(await this.#call('topic/invite', { type: TopicAccountsDto, given: dto, options, request }));
  }

  /**
   * Removes members, as the owner: `DELETE /api/topic/{appId}/{topicId}/accounts`. The accounts are part of the URL, whose
   * length servers limit, often to 8 KB: use several calls to remove many.
   */
  async kick(dto: TopicAccountsDto, options?: MimcCallOptions): Promise<MimcTopic & CallReceipt> {
    const request = ({ account, topicId, accounts }: TopicAccountsDto) => ({
      account,
      topicId,
      accounts,
      read: topicReader(String(topicId)),
    });
    return changed(await this.#call('topic/kick', { type: TopicAccountsDto, given: dto, options, request }));
  }

  /**
   * Makes the acting account leave: `DELETE /api/topic/{appId}/{topicId}/account`. The owner cannot, and gets `MIMC_API` with
   * `apiCode` 500 (docs/mimc-api.md §2).
   */
  async quit(dto: TopicActionDto, options?: MimcCallOptions): Promise<CallReceipt> {
    return receiptOf(await this.#act('topic/quit', dto, options));
  }

  /** Changes the fields that are set, as the owner: `PUT /api/topic/{appId}/{topicId}`. */
  async update(dto: UpdateTopicDto, options?: MimcCallOptions): Promise<MimcTopic & CallReceipt> {
    const request = ({ account, topicId, topicName, bulletin, extra }: UpdateTopicDto) => ({
      account,
      topicId,
      body: { topicName, bulletin, extra },
      read: topicReader(String(topicId)),
    });
    const violationsOf = (given: UpdateTopicDto) => nothingSet(given, ['topicName', 'bulletin', 'extra']);
    const operation = { type: UpdateTopicDto, given: dto, options, violationsOf, request };
    return changed(await this.#call('topic/update', operation));
  }

  /** Gives the group to another owner: `PUT /api/topic/{appId}/{topicId}` with `ownerAccount`. */
  async transfer(dto: TransferTopicDto, options?: MimcCallOptions): Promise<MimcTopic & CallReceipt> {
    const request = ({ account, topicId, ownerAccount }: TransferTopicDto) => ({
      account,
      topicId,
      body: { ownerAccount },
      read: topicReader(String(topicId)),
    });
    return changed(await this.#call('topic/update', { type: TransferTopicDto, given: dto, options, request }));
  }

  /** Ends the group, as its owner: `DELETE /api/topic/{appId}/{topicId}`. */
  async dissolve(dto: TopicActionDto, options?: MimcCallOptions): Promise<CallReceipt> {
    return receiptOf(await this.#act('topic/dissolve', dto, options));
  }

  #act(endpoint: MimcTopicEndpoint, given: TopicActionDto, options?: MimcCallOptions): Promise<Delivered<null>> {
    const request = ({ account, topicId }: TopicActionDto) => ({ account, topicId, read: readDone });
    return this.#call(endpoint, { type: TopicActionDto, given, options, request });
  }

  #call<D extends object, T>(endpoint: MimcTopicEndpoint, operation: TopicOperation<D, T>): Promise<Delivered<T>> {
    return this.push.call(endpoint, (id, settings) => topicCall(id, operation, settings));
  }
}

function changed(delivered: Delivered<MimcTopic>): MimcTopic & CallReceipt {
  return { ...delivered.answer, ...receiptOf(delivered) };
}

/** The receipt of a call that changes something. */
export function receiptOf({ callId, attempts, timing, mayBeDuplicate }: CallReceipt): CallReceipt {
  return { callId, attempts, timing, mayBeDuplicate };
}

/** The receipt of a call that only reads. */
export function readReceiptOf({ callId, attempts, timing }: CallReceipt): ReadReceipt {
  return { callId, attempts, timing };
}
