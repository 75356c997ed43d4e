import {
  EachIsMessage,
  EachIsTopicId,
  IsMsg,
  IsTopicId,
  MAX_RECIPIENTS,
  type TopicId,
} from '../validation/push-rules.js';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsNotEmpty, IsString } from '../validation/rules.js';
import { PushDto } from './push.dto.js';

/** One message to one unlimited group: `POST /api/push/ucs/singleMsgPush/` (docs/mimc-api.md §1.7). Those offline do not get it. */
export class PushToUnlimitedTopicDto extends PushDto {
  @IsTopicId()
  topicId!: TopicId;

  /** The payload, read by `msgType`; not empty, at most `maxMsgBytes` bytes (UTF-8, or decoded when Base64). */
  @IsMsg()
  @IsNotEmpty()
  @IsString()
  message!: string;
}

/** One message to many unlimited groups: `POST /api/push/ucs/multiTopicPush/`. Each group costs one unit of quota. */
export class PushToUnlimitedTopicsDto extends PushDto {
  /** 1 to 10,000 topic ids, and no more than the quota allows in a second. Duplicates are sent as they are. */
  @EachIsTopicId()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  topicIds!: readonly TopicId[];

  /** The payload, read by `msgType`; not empty, at most `maxMsgBytes` bytes (UTF-8, or decoded when Base64). */
  @IsMsg()
  @IsNotEmpty()
  @IsString()
  message!: string;
}

/** Many messages to one unlimited group: `POST /api/push/ucs/multiMsgPush/`. Each message costs one unit of quota. */
export class PushManyToUnlimitedTopicDto extends PushDto {
  @IsTopicId()
  topicId!: TopicId;

  /**
   * 1 to 10,000 payloads, all read by `msgType`, and no more than the quota allows in a second; none empty, each of at most
   * `maxMsgBytes` bytes (UTF-8, or decoded when Base64).
   */
  @EachIsMessage()
  @ArrayMaxSize(MAX_RECIPIENTS)
  @ArrayMinSize(1)
  @IsArray()
  messages!: readonly string[];
}
