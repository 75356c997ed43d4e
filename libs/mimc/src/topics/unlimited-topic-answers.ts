import { answerReader } from '../transport/answer-reader.js';
import { exactText, isRecord, isText } from '../transport/reply.js';
import type { ReplyReader } from '../transport/reply.js';
import { found, listOf, topicIdOf } from './topic-answers.js';

/** A new unlimited group. */
export interface MimcUnlimitedTopic {
  /** Exact decimal text, as it does not fit a JavaScript number (docs/mimc-api.md §8). */
  topicId: string;
}

/** A member of an unlimited group. */
export interface MimcUnlimitedTopicMember {
  account: string;
  /** MIMC's own id of the user, exact. */
  uuid: string;
}

/** One page of the members of an unlimited group, and where the next page begins; undefined after the last. */
export interface MembersPage {
  members: readonly MimcUnlimitedTopicMember[];
  next: string | undefined;
}

/** Reads the id of a new group. */
export const readCreated = answerReader<MimcUnlimitedTopic>((data) => {
  const topicId = isRecord(data) ? topicIdOf(data['topicId']) : undefined;
  return found(topicId === undefined ? undefined : { topicId }, 'without the id of the group');
});

/** Reads a list of groups, which is their ids alone. */
export const readTopicIds = answerReader<readonly string[]>((data) =>
  found(listOf(data, topicIdOf), 'without a list of groups'),
);

/**
 * Reads how many users are online.
 *
 * @param topicId the group that was asked for; an answer about another one is a bad response
 */
export function onlineReader(topicId: string): ReplyReader<number> {
  return answerReader<number>((data) => {
    const { topicId: id, userCnt } = isRecord(data) ? data : {};
    if (topicIdOf(id) !== topicId) return { lacking: 'with another group' };
    const count = Number(/^\d{1,15}$/.exec(exactText(userCnt) ?? '')?.[0] ?? Number.NaN);
    return Number.isNaN(count) ? { lacking: 'without the number of users' } : { answer: count };
  });
}

/**
 * Reads one page of members.
 *
 * @param asked where each page so far began, including this one. A page that leads back to one of them, or an empty page that
 * is not the last, would make the loop endless
 */
export function membersReader(asked: ReadonlySet<string>): ReplyReader<MembersPage> {
  return answerReader<MembersPage>((data) => {
    const { members: given, isEnd, startUuid } = isRecord(data) ? data : {};
    const members = listOf(given, memberOf);
    if (members === undefined) return { lacking: 'without a list of members' };
    if (isEnd === true) return { answer: { members, next: undefined } };
    if (isEnd !== false) return { lacking: 'without saying whether more members follow' };
    const next = exactText(startUuid);
    if (next === undefined || !UUID.test(next)) return { lacking: 'without the start of the next page' };
    if (members.length === 0) return { lacking: 'with an empty page that is not the last' };
    return asked.has(next)
      ? { lacking: 'with a page that leads back to an earlier one' }
      : { answer: { members, next } };
  });
}

/** It goes back to MIMC in a header. */
const UUID = /^\d{1,20}$/;

/** `appAccout` is MIMC's own spelling (docs/mimc-api.md §6); the correct one is accepted too. */
function memberOf(member: unknown): MimcUnlimitedTopicMember | undefined {
  const { appAccout, appAccount = appAccout, uuid } = isRecord(member) ? member : {};
  const id = exactText(uuid);
  return isText(appAccount) && id !== undefined ? { account: appAccount, uuid: id } : undefined;
}
