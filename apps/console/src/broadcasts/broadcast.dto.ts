import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  Allow,
  ArrayMinSize,
  IsArray,
  IsDate,
  IsIn,
  IsInt,
  IsObject,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { type MimcBroadcastMessage, PushMessageDto } from 'nestjs-mimc';
import type { BroadcastKind, BroadcastTuning } from './broadcast-request.js';
import { readTime } from './start-time.js';

/** Unlike `@IsOptional`, it does not let `null` pass. */
const IfSet = () => ValidateIf((_object, value: unknown) => value !== undefined);

const ID = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';

/** Safe in a path and in a key. */
const IsBroadcastId = () =>
  Matches(new RegExp(ID), {
    message: '$property must be 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and begin with a letter or a digit',
  });
/** Converts a text with a time to a `Date`, and refuses any other text. */
const IsTime = (): PropertyDecorator => (target, name) => {
  Transform(({ value }) => (typeof value === 'string' ? (readTime(value) ?? value) : value))(target, name);
  IsDate({ message: '$property must be a time with an offset from UTC, like 2026-01-01T09:00:00+08:00' })(target, name);
};
const IsKind = () => IsIn(['accounts', 'topics']);

/** The fields of a broadcast that bodies, queries and answers share. */
export const broadcastFields = {
  id: {
    type: 'string',
    pattern: ID,
    description: 'Chosen by the caller, so that a repeated request does not send twice; default: a UUID.',
    example: 'spring-sale',
  },
  kind: { type: 'string', enum: ['accounts', 'topics'], description: 'What the recipients are.' },
} as const;

const optional = {
  id: { ...broadcastFields.id, required: false },
  startAt: {
    type: 'string',
    format: 'date-time',
    required: false,
    description: 'When to start; now if the time has passed.',
    example: '2026-01-01T09:00:00+08:00',
  },
  chunkSize: {
    type: 'integer',
    minimum: 1,
    required: false,
    description: 'Recipients per request to MIMC; default: a fifth of the quota per second.',
  },
  dedupeWindow: {
    type: 'integer',
    minimum: 0,
    maximum: 100_000,
    required: false,
    description: 'Skips a recipient seen among the last N distinct ones.',
  },
} as const;

/** The options are checked by the library; only what costs this server memory has a limit of its own. */
export class BroadcastOptionsDto implements BroadcastTuning {
  @ApiProperty(optional.chunkSize)
  @Allow()
  chunkSize?: number;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 64,
    required: false,
    description: 'Requests in flight at the same time; default 8.',
  })
  @IfSet()
  @Max(64)
  @Min(1)
  @IsInt()
  concurrency?: number;

  @ApiProperty(optional.dedupeWindow)
  @IfSet()
  @Max(100_000)
  @Min(0)
  @IsInt()
  dedupeWindow?: number;

  @ApiProperty({
    required: false,
    description: 'Pauses the broadcast after this many consecutive failed chunks; default 10, `false` never.',
    oneOf: [
      { type: 'integer', minimum: 1 },
      { type: 'boolean', enum: [false] },
    ],
  })
  @Allow()
  stopAfterConsecutiveFailures?: number | false;
}

/** A broadcast as JSON. */
export class BroadcastDto {
  @ApiProperty(optional.id)
  @IfSet()
  @IsBroadcastId()
  id?: string;

  @ApiProperty(broadcastFields.kind)
  @IsKind()
  kind!: BroadcastKind;

  @ApiProperty(optional.startAt)
  @IfSet()
  @IsTime()
  startAt?: Date;

  /** Checked by the library. */
  @ApiProperty({ type: PushMessageDto })
  @IsObject()
  message!: MimcBroadcastMessage;

  @ApiProperty({
    type: 'array',
    minItems: 1,
    items: { oneOf: [{ type: 'string' }, { type: 'integer', format: 'int64' }] },
    description:
      'Accounts, or topic ids, which may be bare integers. The size of a body limits their number; upload a larger audience.',
  })
  @ArrayMinSize(1)
  @IsArray()
  recipients!: unknown[];

  @ApiProperty({
    type: BroadcastOptionsDto,
    required: false,
    description: 'Not available on the queue, where all broadcasts share one setting.',
  })
  @IfSet()
  @ValidateNested()
  @IsObject()
  @Type(() => BroadcastOptionsDto)
  options?: BroadcastOptionsDto;
}

/** A broadcast whose body is the audience: the rest of it is in the query, where everything is text. */
export class BroadcastUploadDto extends PushMessageDto {
  @ApiProperty(optional.id)
  @IfSet()
  @IsBroadcastId()
  id?: string;

  @ApiProperty(broadcastFields.kind)
  @IsKind()
  kind!: BroadcastKind;

  @ApiProperty(optional.startAt)
  @IfSet()
  @IsTime()
  startAt?: Date;

  @Transform(({ value }) => ({ true: true, false: false })[String(value)] ?? value)
  override isStore?: boolean = undefined;

  @ApiProperty(optional.chunkSize)
  @Transform(({ value }) => integer(value))
  @Allow()
  chunkSize?: number;

  @ApiProperty(optional.dedupeWindow)
  @Transform(({ value }) => integer(value))
  @IfSet()
  @Max(100_000)
  @Min(0)
  @IsInt()
  dedupeWindow?: number;
}

function integer(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
}
