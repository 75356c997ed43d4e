import { IntersectionType, PickType } from '@nestjs/swagger';
import { IsBoolean, IsString, Length, ValidateIf } from 'class-validator';
import { PushToAccountDto, PushToTopicDto } from 'nestjs-mimc';

/** Unlike `@IsOptional`, it does not let `null` pass. */
const IfSet = () => ValidateIf((_object, value: unknown) => value !== undefined);

class UserMessageDto {
  @Length(1, 256)
  @IsString()
  from!: string;

  @Length(1, 2_000)
  @IsString()
  text!: string;

  /** Marks the recipients as offline or online from now on; default: unchanged. */
  @IfSet()
  @IsBoolean()
  isOffline?: boolean;
}

/** A message from one user to another. */
export class UserToAccountDto extends IntersectionType(UserMessageDto, PickType(PushToAccountDto, ['toAccount'])) {}

/** A message from a user to a group. */
export class UserToTopicDto extends IntersectionType(UserMessageDto, PickType(PushToTopicDto, ['topicId'])) {}
