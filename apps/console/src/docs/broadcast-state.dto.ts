import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import type { MimcErrorCode } from 'nestjs-mimc';
import { MimcBroadcastProgressDto } from 'nestjs-mimc/swagger';
import type { BroadcastKind } from '../broadcasts/broadcast-request.js';
import type {
  BroadcastFailure,
  BroadcastState,
  BroadcastStatus,
  BroadcastSummary,
} from '../broadcasts/broadcast-state.js';
import { broadcastFields } from '../broadcasts/broadcast.dto.js';
import type { BroadcastList } from '../broadcasts/broadcasts.service.js';

class BroadcastProgressDto extends OmitType(MimcBroadcastProgressDto, ['skipped']) {}

class BroadcastFailureDto implements BroadcastFailure {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Of the first recipient in the audience.' })
  offset!: number;

  @ApiProperty({ type: [String] })
  recipients!: string[];

  @ApiProperty({ type: 'string', enum: ['refused', 'not-sent', 'unknown', 'invalid', 'cancelled', 'expired'] })
  outcome!: BroadcastFailure['outcome'];

  @ApiPropertyOptional({ type: 'string', example: 'MIMC_TIMEOUT' })
  code?: MimcErrorCode;

  @ApiPropertyOptional({ type: 'integer' })
  httpStatus?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'The code that MIMC answered with.' })
  apiCode?: number;

  @ApiProperty({ type: 'string' })
  message!: string;

  @ApiProperty({ type: 'string', format: 'date-time' })
  at!: string;
}

class BroadcastStopDto {
  @ApiPropertyOptional({ type: 'string' })
  code?: string;

  @ApiProperty({ type: 'string' })
  message!: string;
}

class BroadcastSummaryDto implements BroadcastSummary {
  @ApiProperty(broadcastFields.id)
  id!: string;

  @ApiProperty(broadcastFields.kind)
  kind!: BroadcastKind;

  @ApiProperty({
    type: 'string',
    enum: ['scheduled', 'enqueuing', 'running', 'paused', 'done', 'cancelled', 'expired'],
    description: 'One that is paused with an `error` was paused by it; fix that, and resume.',
  })
  state!: BroadcastStatus;

  @ApiPropertyOptional({ type: BroadcastStopDto, description: 'What paused it, when that was not a person.' })
  error?: BroadcastStopDto;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Recipients of the audience.' })
  total!: number;

  @ApiProperty({ type: BroadcastProgressDto })
  progress!: BroadcastProgressDto;

  @ApiProperty({ type: 'string', format: 'date-time' })
  createdAt!: string;

  @ApiPropertyOptional({ type: 'string', format: 'date-time', description: 'When it is to begin.' })
  startAt?: string;

  @ApiPropertyOptional({ type: 'string', format: 'date-time', description: 'Absent until it is over.' })
  finishedAt?: string;
}

/** Schema of a {@link BroadcastState}. */
export class BroadcastStateDto extends BroadcastSummaryDto implements BroadcastState {
  @ApiProperty({ type: [BroadcastFailureDto], description: 'Requests that were not accepted, the first of them.' })
  failures!: BroadcastFailureDto[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Recipients of failures that are not listed.' })
  failuresOmitted!: number;
}

/** Schema of a {@link BroadcastList}. */
export class BroadcastListDto implements BroadcastList {
  @ApiProperty({
    type: [BroadcastSummaryDto],
    description: 'All that have not ended, and the latest of those that have; the latest first.',
  })
  broadcasts!: BroadcastSummaryDto[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'How many that have ended are not listed.' })
  omitted!: number;
}
