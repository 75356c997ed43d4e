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
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Position of the first recipient in the audience.' })
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
    description: 'When paused with an `error`, that error paused it; fix the cause and resume.',
  })
  state!: BroadcastStatus;

  @ApiPropertyOptional({ type: BroadcastStopDto, description: 'The error that paused it, if an error did.' })
  error?: BroadcastStopDto;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Number of recipients in the audience.' })
  total!: number;

  @ApiProperty({ type: BroadcastProgressDto })
  progress!: BroadcastProgressDto;

  @ApiProperty({ type: 'string', format: 'date-time' })
  createdAt!: string;

  @ApiPropertyOptional({ type: 'string', format: 'date-time', description: 'When it will start.' })
  startAt?: string;

  @ApiPropertyOptional({ type: 'string', format: 'date-time', description: 'Absent until it is over.' })
  finishedAt?: string;
}

/** Schema of a {@link BroadcastState}. */
export class BroadcastStateDto extends BroadcastSummaryDto implements BroadcastState {
  @ApiProperty({ type: [BroadcastFailureDto], description: 'The first requests that were not accepted.' })
  failures!: BroadcastFailureDto[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Number of recipients in failures that are not listed.' })
  failuresOmitted!: number;
}

/** Schema of a {@link BroadcastList}. */
export class BroadcastListDto implements BroadcastList {
  @ApiProperty({
    type: [BroadcastSummaryDto],
    description: 'All that have not ended and the latest that have, newest first.',
  })
  broadcasts!: BroadcastSummaryDto[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Number of ended broadcasts that are not listed.' })
  omitted!: number;
}
