import { type Answer, answerReader } from '../transport/answer-reader.js';
import { exactText, isRecord, isText } from '../transport/reply.js';
import type { ReplyReader } from '../transport/reply.js';
import { topicIdRule } from '../validation/push-rules.js';

/** What MIMC keeps of a group. */
export interface MimcTopicInfo {
  /** Exact decimal text, as it does not fit a JavaScript number (docs/mimc-api.md §8). */
  topicId: string;
  topicName: string;
  ownerAccount: string;
  /** MIMC's own id of the owner, exact; absent when the answer has none. */
  ownerUuid?: string;
  /** The group's notice; empty when there is none. */
  bulletin: string;
  /** What the application keeps with the group; absent when the answer has none. */
  extra?: string;
}

/** A member of a group. */
export interface MimcTopicMember {
  account: string;
  /** MIMC's own id of the user, exact; absent when the answer has none. */
  uuid?: string;
}

/** A group and its members. */
export interface MimcTopic {
  topicInfo: MimcTopicInfo;
  /** In the order of MIMC's answer. */
  members: readonly MimcTopicMember[];
}

/**
 * Reads a group (docs/mimc-api.md §5.3).
 *
 * @param topicId the group that was asked for; an answer about another one is a bad response
 */
export function topicReader(topicId?: string): ReplyReader<MimcTopic> {
  return answerReader<MimcTopic>((data) => {
    const { topicInfo, members } = isRecord(data) ? data : {};
    const info = infoOf(topicInfo);
    if (info === undefined) return { lacking: 'without the group' };
    if (topicId !== undefined && info.topicId !== topicId) return { lacking: 'with another group' };
    const list = listOf(members, memberOf);
    return list === undefined
      ? { lacking: 'without the members of the group' }
      : { answer: { topicInfo: info, members: list } };
  });
}

/** Reads a list of groups. */
export const readTopics = answerReader<readonly MimcTopicInfo[]>((data) =>
  found(listOf(data, infoOf), 'without a list of groups'),
);

/** Reads an answer without a result: its `data` is null or undocumented. */
export const readDone = answerReader<null>(() => ({ answer: null }));

/** The answer, or what is missing from it. */
export function found<T>(answer: T | undefined, lacking: string): Answer<T> {
  return answer === undefined ? { lacking } : { answer };
}

/** All elements, as `read` returns them; undefined when it is not a list or any element is unreadable. */
export function listOf<T extends object | string>(
  list: unknown,
  read: (element: unknown) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const elements = list.map(read);
  return elements.every((element) => element !== undefined) ? elements : undefined;
}

/** A group's id as exact text, whether it came as text or as an integer. */
export function topicIdOf(id: unknown): string | undefined {
  const text = exactText(id);
  return topicIdRule.test(text) ? text : undefined;
}

function infoOf(info: unknown): MimcTopicInfo | undefined {
  if (!isRecord(info)) return undefined;
  const { topicName, ownerAccount, bulletin, extra } = info;
  const topicId = topicIdOf(info['topicId']);
  if (topicId === undefined || typeof topicName !== 'string' || !isText(ownerAccount)) return undefined;
  const ownerUuid = exactText(info['ownerUuid']);
  return {
    topicId,
    topicName,
    ownerAccount,
    ...(ownerUuid !== undefined && { ownerUuid }),
    bulletin: typeof bulletin === 'string' ? bulletin : '',
    ...(typeof extra === 'string' && { extra }),
  };
}

function memberOf(member: unknown): MimcTopicMember | undefined {
  const { account, uuid } = isRecord(member) ? member : {};
  if (!isText(account)) return undefined;
  const id = exactText(uuid);
  return { account, ...(id !== undefined && { uuid: id }) };
}
