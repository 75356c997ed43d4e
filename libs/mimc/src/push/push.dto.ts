import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsIn, IsNotEmpty, IsString } from 'class-validator';
import { isShort, IsShort } from './clean-text.js';
import { FieldTests, inPlainWords } from './plainly-valid.js';
import {
  accountRule,
  EachIsAccount,
  EachIsTopicId,
  ElementRule,
  IsAccount,
  isMsg,
  IsMsg,
  IsTopicId,
  topicIdRule,
} from './rules.js';
import { isTopicId } from './topic-id.js';
import type { TopicId } from './topic-id.js';
import { IfSet, MAX_ENTRIES } from './validation.js';

/** The most recipients one call takes; what the quota of a second allows is usually far less. */
export const MAX_RECIPIENTS = MAX_ENTRIES;

/** How `msg` is to be read: `''` as text, `'base64'` as Base64 of bytes (mimc-api.md §1.2). */
export type MsgType = '' | 'base64';

/** The message of a push, without its recipients. Field names are MIMC's (mimc-api.md §1.2). */
export class PushMessageDto {
  /** The sender's account; the module's `fromAccount` when absent. At most 256 characters. */
  @IfSet()
  @IsAccount()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  fromAccount?: string | undefined;

  /** Label of the sender's device; the module's `fromResource` when absent. At most 256 characters. */
  @IfSet()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  fromResource?: string | undefined;

  /** The payload, read by `msgType`; not empty, at most `maxMsgBytes` bytes (UTF-8, or decoded when Base64). */
  @IsMsg()
  @IsNotEmpty()
  @IsString()
  msg!: string;

  /** Sent only when set; MIMC takes an absent one as text. */
  @IfSet()
  @IsIn(['', 'base64'])
  msgType?: MsgType | undefined;

  /** Whether MIMC keeps the message in its history. Sent only when set: MIMC's default differs by document. */
  @IfSet()
  @IsBoolean()
  isStore?: boolean | undefined;

  /** The application's own message type, at most 256 characters. Sent only when set. */
  @IfSet()
  @IsShort()
  @IsString()
  bizType?: string | undefined;
}

/** One message to one account: `POST /api/push/p2p/`. */
export class PushToAccountDto extends PushMessageDto {
  /** The recipient, at most 256 characters. MIMC creates an account that it does not know (mimc-api.md §1.6). */
  @IsAccount()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  toAccount!: string;
}

/** One message to many accounts: `POST /api/push/p2p/more`. Each recipient costs one unit of quota. */
export class PushToAccountsDto extends PushMessageDto {
  /** 1 to 10,000 accounts of at most 256 characters, and no more than the quota allows in a second. Duplicates are sent as they are. */
  @EachIsAccount()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  toAccounts!: readonly string[];
}

/** One message to one group: `POST /api/push/p2t/`. */
export class PushToTopicDto extends PushMessageDto {
  @IsTopicId()
  topicId!: TopicId;
}

/** One message to many groups: `POST /api/push/p2t/more`. Each group costs one unit of quota. */
export class PushToTopicsDto extends PushMessageDto {
  /** 1 to 10,000 topic ids, and no more than the quota allows in a second. Duplicates are sent as they are. */
  @EachIsTopicId()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  topicIds!: readonly TopicId[];
}

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isAccount = accountRule.test;
const isNameIfSet = (value: unknown) =>
  value === undefined || (typeof value === 'string' && value !== '' && isShort(value));

function isListOf({ test }: ElementRule) {
  return (list: unknown) => {
    if (!Array.isArray(list) || list.length < 1 || list.length > MAX_RECIPIENTS) return false;
    for (const entry of list) if (!test(entry)) return false;
    return true;
  };
}

const message: FieldTests<PushMessageDto> = {
  fromAccount: (value) => value === undefined || isAccount(value),
  fromResource: isNameIfSet,
  msg: (msg, dto) => isText(msg) && isMsg(msg, dto),
  msgType: (value) => value === undefined || value === '' || value === 'base64',
  isStore: (value) => value === undefined || typeof value === 'boolean',
  bizType: (value) => value === undefined || (typeof value === 'string' && isShort(value)),
};

inPlainWords(PushMessageDto, message);
inPlainWords(PushToAccountDto, { ...message, toAccount: isAccount });
inPlainWords(PushToAccountsDto, { ...message, toAccounts: isListOf(accountRule) });
inPlainWords(PushToTopicDto, { ...message, topicId: isTopicId });
inPlainWords(PushToTopicsDto, { ...message, topicIds: isListOf(topicIdRule) });
