import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import type { MimcErrorCode, MimcOutcome } from 'nestjs-mimc';
import { MimcBroadcastProgressDto } from 'nestjs-mimc/swagger';
import type { BroadcastKind } from '../broadcasts/broadcast-request.js';
import type { BroadcastFailure, BroadcastState, BroadcastStatus } from '../broadcasts/broadcast-state.js';
import { broadcastFields } from '../broadcasts/broadcast.dto.js';

class BroadcastProgressDto extends OmitType(MimcBroadcastProgressDto, ['skipped']) {}

class BroadcastFailureDto implements BroadcastFailure {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Of the first recipient in the audience.' })
  offset!: number;

  @ApiProperty({ type: [String] })
  recipients!: string[];

  @ApiPropertyOptional({ type: 'string', example: 'MIMC_TIMEOUT' })
  code?: MimcErrorCode;

  @ApiProperty({ type: 'string', enum: ['not-sent', 'refused', 'unknown'] })
  outcome!: MimcOutcome;

  @ApiProperty({ type: 'string' })
  message!: string;
}

class BroadcastStopDto {
  @ApiPropertyOptional({ type: 'string' })
  code?: string;

  @ApiProperty({ type: 'string' })
  message!: string;
}

/** Schema of a {@link BroadcastState}. */
export class BroadcastStateDto implements BroadcastState {
  @ApiProperty(broadcastFields.id)
  id!: string;

  @ApiProperty(broadcastFields.kind)
  kind!: BroadcastKind;

  @ApiProperty({
    type: 'string',
    enum: ['running', 'paused', 'done', 'cancelled', 'failed'],
    description: 'failed: it stopped by itself, and may be resumed or cancelled.',
  })
  state!: BroadcastStatus;

  @ApiPropertyOptional({
    type: 'string',
    enum: ['end', 'abort', 'failures', 'source-error'],
    description: 'Why it is not running.',
  })
  stoppedBy?: NonNullable<BroadcastState['stoppedBy']>;

  @ApiPropertyOptional({ type: BroadcastStopDto, description: 'What stopped it, when that was an error.' })
  error?: BroadcastStopDto;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Recipients of the audience.' })
  total!: number;

  @ApiProperty({ type: BroadcastProgressDto })
  progress!: BroadcastProgressDto;

  @ApiPropertyOptional({ type: Object, description: 'Who is settled: all before `watermark`, and these ranges.' })
  checkpoint?: NonNullable<BroadcastState['checkpoint']>;

  @ApiProperty({ type: [BroadcastFailureDto], description: 'Requests that were not accepted, the first of them.' })
  failures!: BroadcastFailureDto[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Recipients of failures that are not listed.' })
  failuresOmitted!: number;

  @ApiProperty({ type: 'string', format: 'date-time' })
  createdAt!: string;

  @ApiPropertyOptional({ type: 'string', format: 'date-time' })
  finishedAt?: string;
}
