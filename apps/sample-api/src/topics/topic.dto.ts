import { ApiProperty, OmitType } from '@nestjs/swagger';
import { CreateTopicDto } from 'nestjs-mimc';

/** A group to create. Its owner is the user of the session. */
export class NewTopicDto extends OmitType(CreateTopicDto, ['ownerAccount']) {}

/** A group, without its members. */
export class TopicDto {
  @ApiProperty({ type: 'string', description: 'A 64-bit integer, exact.', example: '51664086823862273' })
  topicId!: string;

  @ApiProperty({ type: 'string', example: 'Trip' })
  topicName!: string;

  @ApiProperty({ type: 'string', example: 'alice' })
  ownerAccount!: string;
}

/** A group that was created. */
export class CreatedTopicDto extends TopicDto {
  @ApiProperty({ type: [String], example: ['alice', 'bob'] })
  members!: string[];
}
