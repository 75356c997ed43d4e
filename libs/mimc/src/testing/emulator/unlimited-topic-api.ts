import { success, type EmulatorAnswer } from './answer.js';
import type { EmulatorTopicEndpoint } from './endpoint.js';
import { fieldsOf, invalid, nonEmptyString, optionalString } from './request.js';
import {
  type ActingRequest,
  fail,
  idIn,
  setFields,
  topicIdIn,
  type TopicOperation,
  type TopicParts,
  uuidOf,
} from './topic-request.js';
import type { EmulatedTopic, EmulatedTopics } from './topics.js';
import { userOf } from './user.js';

type Unlimited = Extract<EmulatorTopicEndpoint, `uctopic/${string}`>;

/** The operations on unlimited groups (docs/mimc-api.md §6), whose id is in a header. */
export const unlimitedOperations: Readonly<Record<Unlimited, TopicOperation>> = {
  'uctopic/create': create,
  'uctopic/update': update,
  'uctopic/dissolve': dissolve,
  'uctopic/list': ({ actor }, { topics, settings }) =>
    success(topics.of(actor, true).map(({ topicId }) => idIn(topicId, settings))),
  'uctopic/members': members,
  'uctopic/online': online,
};

function create({ actor, body }: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const fields = fieldsOf(body);
  const topicName = nonEmptyString(fields, 'topicName');
  const extra = optionalString(fields, 'extra');
  const { topicId } = topics.create({ isUnlimited: true, ownerAccount: actor, topicName, extra, members: [] });
  return success({ topicId: idIn(topicId, settings), topicName, ownerId: uuidOf(actor, settings), extra });
}

/** What it answers is not known; null is emulator-defined. */
function update({ actor, body }: ActingRequest, { topics }: TopicParts): EmulatorAnswer {
  const fields = fieldsOf(body);
  const topic = owned(topics, topicIdIn(fields['topicId'], 'topicId'), actor, 'update');
  Object.assign(topic, setFields(fields, ['topicName', 'ownerAccount', 'extra']));
  topic.members.add(topic.ownerAccount);
  return success(null);
}

function dissolve({ actor, headers }: ActingRequest, { topics }: TopicParts): EmulatorAnswer {
  topics.dissolve(owned(topics, topicIdIn(headers['topicid'], 'topicId'), actor, 'dissolve').topicId);
  return success(null);
}

/** Pages in the order of uuids: that `startUuid` is the last one of the page before is emulator-defined. */
function members({ headers }: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const topic = existing(topics, topicIdIn(headers['topicid'], 'topicId'), 'get');
  const { startuuid: start } = headers;
  if (typeof start !== 'string' || !/^\d{1,19}$/.test(start)) throw invalid('startUuid', 'must be a header with an id');
  const { appId } = settings.credentials;
  const users = [...topic.members]
    .map((account) => ({ account, uuid: BigInt(userOf(appId, account).uuid) }))
    .filter(({ uuid }) => uuid > BigInt(start))
    .toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const page = users.slice(0, settings.membersPerPage);
  return success({
    // Spelled so (docs/mimc-api.md §6).
    members: page.map(({ account, uuid }) => ({ appId, uuid: idIn(String(uuid), settings), appAccout: account })),
    isEnd: page.length === users.length,
    startUuid: idIn(String(page.at(-1)?.uuid ?? start), settings),
    memberNum: topic.members.size,
  });
}

/** Every member counts as online. */
function online({ headers }: ActingRequest, { topics, settings }: TopicParts): EmulatorAnswer {
  const topic = existing(topics, topicIdIn(headers['topicid'], 'topicId'), 'get');
  return success({ topicId: idIn(topic.topicId, settings), userCnt: topic.members.size });
}

function existing(topics: EmulatedTopics, topicId: string, verb: string): EmulatedTopic {
  const topic = topics.get(topicId);
  if (!topic?.isUnlimited) throw fail(verb);
  return topic;
}

function owned(topics: EmulatedTopics, topicId: string, actor: string, verb: string): EmulatedTopic {
  const topic = existing(topics, topicId, verb);
  if (topic.ownerAccount !== actor) throw fail(verb);
  return topic;
}
