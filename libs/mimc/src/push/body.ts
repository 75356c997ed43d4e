import type { PushMessageDto } from './push.dto.js';
import type { MimcSettings } from './settings.js';
import type { TopicId } from './topic-id.js';

/** Who a push goes to; exactly one field is set. */
export interface Recipients {
  toAccount?: string;
  toAccounts?: readonly string[];
  topicId?: TopicId;
  topicIds?: readonly TopicId[];
}

/**
 * Writes request bodies of one message: credentials first, then the fields that are set, in the order of MIMC's own
 * examples. Topic ids go out as integer literals, which `JSON.stringify` could not write beyond 2^53 (mimc-api.md §10,
 * row 12).
 */
export function bodyWriter(message: PushMessageDto, settings: MimcSettings): (to: Recipients) => string {
  const before =
    settings.credentials.bodyHead() +
    field('fromAccount', message.fromAccount ?? settings.fromAccount) +
    field('fromResource', message.fromResource ?? settings.fromResource);
  const after =
    field('msg', message.msg) +
    field('msgType', message.msgType) +
    field('isStore', message.isStore) +
    field('bizType', message.bizType) +
    '}';
  return (to) => before + recipients(to) + after;
}

function recipients({ toAccount, toAccounts, topicId, topicIds }: Recipients): string {
  if (toAccounts !== undefined) return field('toAccounts', toAccounts);
  if (toAccount !== undefined) return field('toAccount', toAccount);
  return topicIds === undefined ? literal('topicId', topicId) : literal('topicIds', `[${topicIds.join(',')}]`);
}

function field(name: string, value: unknown): string {
  return value === undefined ? '' : literal(name, JSON.stringify(value));
}

function literal(name: string, value: string | bigint | number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}
