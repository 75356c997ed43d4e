import { IntersectionType, PickType } from '@nestjs/swagger';
import { IsBoolean, IsString, Length, ValidateIf } from 'class-validator';
import { PushToAccountDto, PushToTopicDto } from 'nestjs-mimc';

/** `null` is a wrong type, unlike with `@IsOptional`. */
const IfSet = () => ValidateIf((_object, value: unknown) => value !== undefined);

class UserMessageDto {
  @Length(1, 256)
  @IsString()
  from!: string;

  @Length(1, 2_000)
  @IsString()
  text!: string;

  /** Whether the devices of those who get it are offline from now on; without it as before. */
  @IfSet()
  @IsBoolean()
  isOffline?: boolean;
}

/** What a user writes to another. */
export class UserToAccountDto extends IntersectionType(UserMessageDto, PickType(PushToAccountDto, ['toAccount'])) {}

/** What a user writes to a group. */
export class UserToTopicDto extends IntersectionType(UserMessageDto, PickType(PushToTopicDto, ['topicId'])) {}
