import { ApiProperty } from '@nestjs/swagger';
import {
  type MimcErrorBody,
  type MimcErrorCode,
  mimcErrorTable,
  type MimcOutcome,
  type MimcViolation,
} from '../index.js';

/** Schema of {@link MimcViolation}. */
export class MimcViolationDto implements MimcViolation {
  @ApiProperty({
    type: 'string',
    description: 'Path of the field; empty for the whole body.',
    example: 'toAccounts[3]',
  })
  field!: string;

  @ApiProperty({ type: 'string', description: 'Name of the rule.', example: 'isAccount' })
  rule!: string;

  @ApiProperty({ type: 'string' })
  message!: string;
}

/** Schema of {@link MimcErrorBody}, what a failed push is answered with. {@link ApiMimcErrors} documents where. */
export class MimcErrorDto implements MimcErrorBody {
  @ApiProperty({ type: 'integer' })
  statusCode!: number;

  @ApiProperty({ type: 'string', description: 'Reason phrase of the status.' })
  error!: string;

  @ApiProperty({ type: 'string' })
  message!: string;

  @ApiProperty({ type: 'string', enum: Object.keys(mimcErrorTable), description: 'What went wrong.' })
  code!: MimcErrorCode;

  @ApiProperty({
    type: 'string',
    enum: ['not-sent', 'refused', 'unknown'],
    description:
      '`not-sent`: provably nothing reached MIMC. `refused`: MIMC said no. `unknown`: it may have been sent, and sending ' +
      'it again may duplicate it.',
  })
  outcome!: MimcOutcome;

  @ApiProperty({ type: 'string', format: 'uuid', required: false, description: 'Id of the call, once it has one.' })
  callId?: string;

  @ApiProperty({ type: 'integer', required: false, description: "`code` of MIMC's own answer." })
  apiCode?: number;

  @ApiProperty({ type: 'number', minimum: 0, required: false, description: 'How long MIMC asks to wait.' })
  retryAfterMs?: number;

  @ApiProperty({ type: () => [MimcViolationDto], required: false, description: 'The broken rules.' })
  violations?: readonly MimcViolationDto[];
}
