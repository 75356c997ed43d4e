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
 * The request body: credentials first, then the fields that are set, in the order of MIMC's own examples. Topic ids go
 * out as integer literals, which `JSON.stringify` could not write beyond 2^53 (mimc-api.md §10, row 12).
 */
export function bodyOf(dto: PushMessageDto & Recipients, settings: MimcSettings): string {
  return [
    settings.credentials.bodyHead(),
    field('fromAccount', dto.fromAccount ?? settings.fromAccount),
    field('fromResource', dto.fromResource ?? settings.fromResource),
    field('toAccount', dto.toAccount),
    field('toAccounts', dto.toAccounts),
    literal('topicId', dto.topicId),
    literal('topicIds', dto.topicIds && `[${dto.topicIds.join(',')}]`),
    field('msg', dto.msg),
    field('msgType', dto.msgType),
    field('isStore', dto.isStore),
    field('bizType', dto.bizType),
    '}',
  ].join('');
}

function field(name: string, value: unknown): string {
  return value === undefined ? '' : literal(name, JSON.stringify(value));
}

function literal(name: string, value: string | bigint | number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}
