import type { CallReceipt } from '../delivery/call-progress.js';
import type { Delivered } from '../delivery/delivery-engine.js';
import type { MimcTopicEndpoint } from '../errors/mimc-error.js';
import { checkCallOptions, type MimcCallOptions } from '../push/api-call.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import { ActorRules, type ReadReceipt, readReceiptOf, receiptOf } from './mimc-topic.service.js';
import { readDone } from './topic-answers.js';
import { nothingSet, topicCall, type TopicOperation } from './topic-call.js';
import { CreateUnlimitedTopicDto, TopicActionDto, UpdateUnlimitedTopicDto } from './topic.dto.js';
import {
  membersReader,
  type MembersPage,
  type MimcUnlimitedTopic,
  type MimcUnlimitedTopicMember,
  onlineReader,
  readCreated,
  readTopicIds,
} from './unlimited-topic-answers.js';

/** Where the first page of members begins (docs/mimc-api.md §6). */
const FIRST_UUID = '0';

/**
 * Manages unlimited groups, which have no member limit and keep no messages for offline members (docs/mimc-api.md §6), on behalf
 * of an account of the application. Users join and leave only through MIMC's client SDK. Take the account from the session of the
 * user, never from the request.
 *
 * Calls fail and are retried as those of {@link MimcTopicService} are.
 *
 * @example
 * const { topicId } = await unlimited.create({ ownerAccount: 'alice', topicName: 'Live' });
 * for await (const { account } of unlimited.members({ topicId, account: 'alice' })) online.add(account);
 */
export class MimcUnlimitedTopicService {
  /** @internal Applications inject the service. */
  constructor(private readonly push: MimcPushService) {}

  /** Creates an unlimited group: `POST /api/uctopic`. The owner becomes a member. */
  async create(dto: CreateUnlimitedTopicDto, options?: MimcCallOptions): Promise<MimcUnlimitedTopic & CallReceipt> {
    const request = ({ ownerAccount: account, ...body }: CreateUnlimitedTopicDto) => ({
      account,
      body,
      read: readCreated,
    });
    const operation = { type: CreateUnlimitedTopicDto, given: dto, options, request };
    const { answer, ...delivered } = await this.#call('uctopic/create', operation);
    return { ...answer, ...receiptOf(delivered) };
  }

  /** Changes the fields that are set, as the owner: `POST /api/uctopic/update`. `ownerAccount` gives it to another owner. */
  async update(dto: UpdateUnlimitedTopicDto, options?: MimcCallOptions): Promise<CallReceipt> {
    const request = ({ account, topicId, topicName, ownerAccount, extra }: UpdateUnlimitedTopicDto) => ({
      account,
      body: { topicId: String(topicId), topicName, ownerAccount, extra },
      read: readDone,
    });
    const violationsOf = (given: UpdateUnlimitedTopicDto) => nothingSet(given, ['topicName', 'ownerAccount', 'extra']);
    const operation = { type: UpdateUnlimitedTopicDto, given: dto, options, violationsOf, request };
    return receiptOf(await this.#call('uctopic/update', operation));
  }

  /** Ends the group, as its owner: `DELETE /api/uctopic`. */
  async dissolve(dto: TopicActionDto, options?: MimcCallOptions): Promise<CallReceipt> {
    const request = ({ account, topicId }: TopicActionDto) => ({ account, topicId, read: readDone });
    return receiptOf(await this.#call('uctopic/dissolve', { type: TopicActionDto, given: dto, options, request }));
  }

  /** Reads the ids of an account's unlimited groups, as exact text: `GET /api/uctopic/topics`. */
  async list(account: string, options?: MimcCallOptions): Promise<{ topicIds: readonly string[] } & ReadReceipt> {
    const request = ({ account: actor }: ActorRules) => ({ account: actor, read: readTopicIds });
    const operation = { type: ActorRules, given: { account }, options, request };
    const { answer: topicIds, ...delivered } = await this.#call('uctopic/list', operation);
    return { topicIds, ...readReceiptOf(delivered) };
  }

  /**
   * Reads the members page by page, each page when the loop reaches it: `GET /api/uctopic/userlist`. Every page is a separate
   * call, and `deadlineMs` applies to one page. An answer that would make the loop endless is `MIMC_BAD_RESPONSE`. A tenant
   * counts as in use from the first page until the loop ends.
   *
   * @throws MimcError inside the loop, even for invalid arguments
   */
  async *members(
    dto: TopicActionDto,
    options?: MimcCallOptions,
  ): AsyncGenerator<MimcUnlimitedTopicMember, void, undefined> {
    const end = this.push.beginUse();
    try {
      yield* this.#pages(dto, options);
    } finally {
      end();
    }
  }

  /** Counts the members who are online: `GET /api/uctopic/onlineinfo`. */
  async onlineCount(dto: TopicActionDto, options?: MimcCallOptions): Promise<{ count: number } & ReadReceipt> {
    const request = ({ account, topicId }: TopicActionDto) => ({
      account,
      topicId,
      read: onlineReader(String(topicId)),
    });
    const operation = { type: TopicActionDto, given: dto, options, request };
    const { answer: count, ...delivered } = await this.#call('uctopic/online', operation);
    return { count, ...readReceiptOf(delivered) };
  }

  async *#pages(
    dto: TopicActionDto,
    options: MimcCallOptions | undefined,
  ): AsyncGenerator<MimcUnlimitedTopicMember, void, undefined> {
    const asked = new Set<string>();
    // The group and the options of the first page apply to all.
    let given: TopicActionDto = dto;
    const { value, violations } = checkCallOptions(options);
    const fixed = violations.length === 0 ? value : options;
    for (let next: string | undefined = FIRST_UUID; next !== undefined;) {
      const startUuid: string = next;
      asked.add(startUuid);
      const request = (checked: TopicActionDto) => {
        given = checked;
        const { account, topicId } = checked;
        return { account, topicId, startUuid, read: membersReader(asked) };
      };
      const operation = { type: TopicActionDto, given, options: fixed, request };
      const { answer }: Delivered<MembersPage> = await this.#call('uctopic/members', operation);
      yield* answer.members;
      ({ next } = answer);
    }
  }

  #call<D extends object, T>(endpoint: MimcTopicEndpoint, operation: TopicOperation<D, T>): Promise<Delivered<T>> {
    return this.push.call(endpoint, (id, settings) => topicCall(id, operation, settings));
  }
}
