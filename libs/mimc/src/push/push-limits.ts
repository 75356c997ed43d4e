import type { MimcViolation } from '../errors/mimc-error.js';
import { type MimcQuotaBucket, unitsPerSecond } from '../pacing/quota.js';
import type { Checked } from '../validation/check.js';
import { isBase64, type TopicId } from '../validation/push-rules.js';
import type { PushDto } from './push.dto.js';
import type { MimcSettings } from './settings.js';

/** Who a push goes to; exactly one field is set. */
export interface Recipients {
  toAccount?: string;
  toAccounts?: readonly string[];
  topicId?: TopicId;
  topicIds?: readonly TopicId[];
}

/** A push of any kind; one of the three for what it says is set. */
export interface Push extends PushDto, Recipients {
  msg?: string;
  message?: string;
  messages?: readonly string[];
}

type Limits = Pick<MimcSettings, 'fromAccount' | 'maxMsgBytes' | 'quota'>;

/** More violations than this are not listed. */
const MAX_VIOLATIONS = 100;

/**
 * What is wrong with a push by the module's options, in fields that keep the rules of the DTO.
 *
 * @param bucket none for a message without recipients
 */
export function violationsOfLimits(
  { value: dto, violations }: Checked<Push>,
  limits: Limits,
  bucket?: MimcQuotaBucket,
): MimcViolation[] {
  if (dto === undefined) return [];
  const found = [
    missingSender(dto, limits),
    longText('msg', dto.msg, dto, limits),
    longText('message', dto.message, dto, limits),
    ...(Array.isArray(dto.messages) ? wrongMessages(dto.messages, dto, limits) : []),
    bucket && tooHeavy(dto, bucket, limits),
  ];
  const isFirst = (one: MimcViolation) => !violations.some((before) => before.field === one.field);
  return found.filter((violation) => violation !== undefined).filter(isFirst);
}

function missingSender(dto: Push, { fromAccount }: Limits): MimcViolation | undefined {
  if (dto.fromAccount !== undefined || fromAccount !== undefined) return undefined;
  const message = 'fromAccount must be set, as the module has no default for it';
  return { field: 'fromAccount', rule: 'isNotEmpty', message };
}

function longText(field: string, text: unknown, { msgType }: Push, { maxMsgBytes }: Limits): MimcViolation | undefined {
  const bytes = typeof text === 'string' ? Buffer.byteLength(text, msgType === 'base64' ? 'base64' : 'utf8') : 0;
  if (bytes <= maxMsgBytes) return undefined;
  return { field, rule: 'maxMsgBytes', message: `${field} must not be longer than ${maxMsgBytes} bytes` };
}

/** `msgType` is for all messages of a list, whose own rule cannot see it. */
function wrongMessages(messages: readonly unknown[], dto: Push, limits: Limits): MimcViolation[] {
  const found = messages.map((text, index) => {
    const field = `messages[${index}]`;
    if (dto.msgType !== 'base64' || typeof text !== 'string' || isBase64(text)) {
      return longText(field, text, dto, limits);
    }
    return { field, rule: 'isBase64', message: `${field} must be base64 when msgType is base64` };
  });
  return found.filter((violation) => violation !== undefined).slice(0, MAX_VIOLATIONS);
}

/** A call is never split, and one that is heavier than the quota of a second could never go out. */
function tooHeavy(
  { toAccounts, topicIds, messages }: Push,
  bucket: MimcQuotaBucket,
  { quota }: Limits,
): MimcViolation | undefined {
  const list = toAccounts ?? topicIds ?? messages;
  if (!Array.isArray(list)) return undefined;
  const most = unitsPerSecond(bucket, quota);
  if (most === undefined || list.length <= most) return undefined;
  const field = toAccounts !== undefined ? 'toAccounts' : topicIds !== undefined ? 'topicIds' : 'messages';
  const instead = bucket === 'unlimitedTopics' ? 'make several calls' : 'MimcBroadcastService takes more';
  const message = `${field} must not hold more than ${most} entries, the quota of a second; ${instead}`;
  return { field, rule: 'quota', message };
}
