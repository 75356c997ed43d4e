import { ApiProperty } from '@nestjs/swagger';
import { ArrayMinSize, IsArray, IsIn, IsString } from 'class-validator';
import { PushMessageDto } from 'nestjs-mimc';
import { MimcBroadcastProgressDto, MimcBroadcastSummaryDto } from 'nestjs-mimc/swagger';

/** A message and its recipients; the message's fields and rules are those of a push. */
export class BroadcastDto extends PushMessageDto {
  @ApiProperty({ enum: ['accounts', 'topics'], description: 'What the recipients are.' })
  @IsIn(['accounts', 'topics'])
  kind!: 'accounts' | 'topics';

  @ApiProperty({ type: [String], minItems: 1, example: ['alice', 'bob'] })
  @IsString({ each: true })
  @ArrayMinSize(1)
  @IsArray()
  recipients!: string[];
}

/** The progress of a broadcast. */
export class BroadcastStateDto {
  @ApiProperty({ type: 'string', format: 'uuid' })
  id!: string;

  @ApiProperty({ type: MimcBroadcastProgressDto })
  progress!: MimcBroadcastProgressDto;

  @ApiProperty({
    type: MimcBroadcastSummaryDto,
    required: false,
    description: 'How and why it ended; absent while it runs.',
  })
  summary?: MimcBroadcastSummaryDto | undefined;
}
