import { success, type EmulatorAnswer } from './answer.js';
import type { EmulatorTopicEndpoint } from './endpoint.js';
import { EmulatorRefusal, fieldsOf, invalid, nonEmptyString, optionalString } from './request.js';
import {
  type ActingRequest,
  actorOf,
  fail,
  idIn,
  setFields,
  type TopicOperation,
  type TopicParts,
  type TopicRequest,
  uuidOf,
} from './topic-request.js';
import type { EmulatedTopic, EmulatedTopics } from './topics.js';
import { unlimitedOperations } from './unlimited-topic-api.js';

/** Keeps groups (docs/mimc-api.md §5) and unlimited groups (§6). A refusal is code 500 and "… fail", as the one that is documented. */
export class EmulatedTopicApi {
  constructor(readonly parts: TopicParts) {}

  /**
   * Answers a request.
   *
   * @param handling `lose`: what changes a group is answered as if it were done, and is not
   * @throws EmulatorRefusal 400 for a missing or invalid field, 401 for wrong credentials, 500 for what may not be done
   */
  answer(request: TopicRequest, handling: 'take' | 'lose'): EmulatorAnswer {
    const acting = { ...request, actor: this.#authenticated(request) };
    if (handling === 'lose' && !READS.has(request.endpoint)) return success(null);
    return OPERATIONS[request.endpoint](acting, this.parts);
  }

  /** The id of the app is in the path, or in a header where the path has none (docs/mimc-api.md §5.1, §6). */
  #authenticated({ ids, headers }: TopicRequest): string {
    const { appId, appKey, appSecret } = this.parts.settings.credentials;
    const given = ids.appId ?? headers['appid'];
    if (given !== appId || headers['appkey'] !== appKey || headers['appsecret'] !== appSecret) {
      throw new EmulatorRefusal(401, 'appId, appKey or appSecret is wrong');
    }
    return actorOf(headers);
  }
}

const READS: ReadonlySet<EmulatorTopicEndpoint> = new Set([
  'topic/get',
  'topic/list',
  'uctopic/list',
  'uctopic/members',
  'uctopic/online',
]);

const OPERATIONS: Readonly<Record<EmulatorTopicEndpoint, TopicOperation>> = {
  ...unlimitedOperations,
  'topic/create': create,
  'topic/get': (request, parts) => group(request, parts, 'get'),
  'topic/list': ({ actor }, { topics, settings }) =>
    success(topics.of(actor, false).map((topic) => infoOf(topic, settings))),
  'topic/invite': invite,
  'topic/kick': kick,
  'topic/quit': quit,
  'topic/update': update,
  'topic/dissolve': dissolve,
};

function create({ actor, body }: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const fields = fieldsOf(body);
  const members = accountsOf(nonEmptyString(fields, 'accounts'));
  const topicName = nonEmptyString(fields, 'topicName');
  if (new Set([actor, ...members]).size > settings.maxTopicMembers) throw fail('create');
  const extra = optionalString(fields, 'extra');
  return whole(topics.create({ isUnlimited: false, ownerAccount: actor, topicName, extra, members }), settings);
}

function group(request: ActingRequest, { topics, settings }: TopicParts, verb: string): EmulatorAnswer {
  return whole(existing(topics, request.ids.topicId, verb), settings);
}

/** That only members may invite is emulator-defined. */
function invite(request: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const topic = existing(topics, request.ids.topicId, 'invite to');
  const members = accountsOf(nonEmptyString(fieldsOf(request.body), 'accounts'));
  const isFull = new Set([...topic.members, ...members]).size > settings.maxTopicMembers;
  if (!topic.members.has(request.actor) || isFull) throw fail('invite to');
  for (const member of members) topic.members.add(member);
  return whole(topic, settings);
}

function kick(request: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const topic = owned(topics, request, 'kick from');
  const accounts = accountsOf(request.query.get('accounts') ?? '');
  if (accounts.includes(topic.ownerAccount)) throw fail('kick from');
  for (const account of accounts) topic.members.delete(account);
  return whole(topic, settings);
}

/** The one refusal that is documented: an owner who quits (docs/mimc-api.md §2). */
function quit({ ids, actor }: ActingRequest, { topics }: TopicParts): EmulatorAnswer {
  const topic = existing(topics, ids.topicId, 'quit');
  if (actor === topic.ownerAccount || !topic.members.delete(actor)) throw fail('quit');
  return success(null);
}

/** That the new owner must be a member is emulator-defined. */
function update(request: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const topic = owned(topics, request, 'update');
  const fields = fieldsOf(request.body);
  const { ownerAccount = topic.ownerAccount, ...changes } = setFields(fields, [
    'ownerAccount',
    'topicName',
    'bulletin',
    'extra',
  ]);
  if (!topic.members.has(ownerAccount)) throw fail('update');
  Object.assign(topic, { ...changes, ownerAccount });
  return whole(topic, settings);
}

/** The documents print its message with a full-width exclamation mark (docs/mimc-api.md §2). */
function dissolve(request: ActingRequest, { topics }: TopicParts): EmulatorAnswer {
  topics.dissolve(owned(topics, request, 'dissolve').topicId);
  return success(null, 'success！');
}

/** A group that must be there. */
function existing(topics: EmulatedTopics, topicId: string | undefined, verb: string): EmulatedTopic {
  const topic = topics.get(topicId ?? '');
  if (topic === undefined || topic.isUnlimited) throw fail(verb);
  return topic;
}

function owned(topics: EmulatedTopics, { ids, actor }: ActingRequest, verb: string): EmulatedTopic {
  const topic = existing(topics, ids.topicId, verb);
  if (topic.ownerAccount !== actor) throw fail(verb);
  return topic;
}

function whole(topic: EmulatedTopic, settings: TopicParts['settings']): EmulatorAnswer {
  const members = [...topic.members].map((account) => ({ uuid: uuidOf(account, settings), account }));
  return success({ topicInfo: infoOf(topic, settings), members });
}

function infoOf(
  { topicId, ownerAccount, topicName, bulletin, extra }: EmulatedTopic,
  settings: TopicParts['settings'],
) {
  const ownerUuid = uuidOf(ownerAccount, settings);
  return { topicId: idIn(topicId, settings), ownerUuid, ownerAccount, topicName, bulletin, extra };
}

/** `accounts` is one text, joined by commas (docs/mimc-api.md §5.2). */
function accountsOf(text: string): readonly string[] {
  const accounts = text.split(',').filter((account) => account !== '');
  if (accounts.length === 0) throw invalid('accounts', 'must not be empty');
  return accounts;
}
