import {
  EachIsAccount,
  EachIsTopicId,
  IsAccount,
  IsMsg,
  IsShort,
  IsTopicId,
  MAX_RECIPIENTS,
  type TopicId,
} from '../validation/push-rules.js';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IfSet,
  IsArray,
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsString,
} from '../validation/rules.js';

/** How `msg` is to be read: `''` as text, `'base64'` as Base64 of bytes (docs/mimc-api.md §1.2). */
export type MsgType = '' | 'base64';

/** What every push has besides its message and its recipients. Field names are MIMC's (docs/mimc-api.md §1.2). */
export class PushDto {
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

/** The message of a push to accounts or groups, without its recipients. */
export class PushMessageDto extends PushDto {
  /** The payload, read by `msgType`; not empty, at most `maxMsgBytes` bytes (UTF-8, or decoded when Base64). */
  @IsMsg()
  @IsNotEmpty()
  @IsString()
  msg!: string;
}

/** One message to one account: `POST /api/push/p2p/`. */
export class PushToAccountDto extends PushMessageDto {
  /** The recipient, at most 256 characters. MIMC creates an account that it does not know (docs/mimc-api.md §1.6). */
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
