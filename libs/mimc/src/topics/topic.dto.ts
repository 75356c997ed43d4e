import {
  EachIsListedAccount,
  IsActor,
  IsShort,
  IsTopicId,
  MAX_RECIPIENTS,
  type TopicId,
} from '../validation/push-rules.js';
import { ArrayMaxSize, ArrayMinSize, IfSet, IsArray, IsNotEmpty, IsString } from '../validation/rules.js';
import { IsGroupText } from './topic-rules.js';

/** A new group. Field names are MIMC's (docs/mimc-api.md §5). */
export class CreateTopicDto {
  /** The account that creates and owns the group, at most 256 characters. It becomes a member without being listed. */
  @IsActor()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  ownerAccount!: string;

  /** At most 256 characters, a limit of this library. */
  @IsShort()
  @IsNotEmpty()
  @IsString()
  topicName!: string;

  /** The members: 1 to 10,000 accounts without commas. MIMC's default limit is 500 members. */
  @EachIsListedAccount()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  accounts!: readonly string[];

  /** What the application keeps with the group; at most 10,240 bytes. Sent only when set. */
  @IfSet()
  @IsGroupText()
  @IsString()
  extra?: string | undefined;
}

/** A group, and the account on whose behalf the call is made. */
export class TopicActionDto {
  @IsTopicId()
  topicId!: TopicId;

  /** The acting account, at most 256 characters. MIMC decides what it may do: some calls need the owner. */
  @IsActor()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  account!: string;
}

/** Accounts to add to a group or remove from it. */
export class TopicAccountsDto extends TopicActionDto {
  /** 1 to 10,000 accounts without commas. */
  @EachIsListedAccount()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  accounts!: readonly string[];
}

/** Changes to a group, at least one. A field that is not set stays as it is. */
export class UpdateTopicDto extends TopicActionDto {
  /** At most 256 characters. */
  @IfSet()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  topicName?: string | undefined;

  /** The group's notice, at most 10,240 bytes; empty for none. */
  @IfSet()
  @IsGroupText()
  @IsString()
  bulletin?: string | undefined;

  /** What the application keeps with the group, at most 10,240 bytes. */
  @IfSet()
  @IsGroupText()
  @IsString()
  extra?: string | undefined;
}

/** Transfers a group to another owner. */
export class TransferTopicDto extends TopicActionDto {
  /** The new owner, at most 256 characters. */
  @IsActor()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  ownerAccount!: string;
}

/** A new unlimited group (docs/mimc-api.md §6). */
export class CreateUnlimitedTopicDto {
  /** The account that creates and owns the group, at most 256 characters. It becomes a member. */
  @IsActor()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  ownerAccount!: string;

  /** At most 256 characters, a limit of this library. */
  @IsShort()
  @IsNotEmpty()
  @IsString()
  topicName!: string;

  /** What the application keeps with the group; at most 10,240 bytes. Sent only when set. */
  @IfSet()
  @IsGroupText()
  @IsString()
  extra?: string | undefined;
}

/** Changes to an unlimited group, at least one. A field that is not set is not sent. */
export class UpdateUnlimitedTopicDto extends TopicActionDto {
  /** At most 256 characters. */
  @IfSet()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  topicName?: string | undefined;

  /** The new owner, at most 256 characters. */
  @IfSet()
  @IsActor()
  @IsShort()
  @IsNotEmpty()
  @IsString()
  ownerAccount?: string | undefined;

  /** What the application keeps with the group, at most 10,240 bytes. */
  @IfSet()
  @IsGroupText()
  @IsString()
  extra?: string | undefined;
}
