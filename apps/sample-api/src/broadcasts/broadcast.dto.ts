import { Transform, Type } from 'class-transformer';
import {
  Allow,
  ArrayMinSize,
  IsArray,
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

/** `null` is a wrong type, unlike with `@IsOptional`. */
const IfSet = () => ValidateIf((_object, value: unknown) => value !== undefined);

/** Safe in a path and in a key. */
const IsBroadcastId = () =>
  Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    message: '$property must be 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and begin with a letter or a digit',
  });
const IsKind = () => IsIn(['accounts', 'topics']);

/** The options are checked by the library; only what costs this server memory has a limit of its own. */
export class BroadcastOptionsDto implements BroadcastTuning {
  @Allow()
  chunkSize?: number;

  @IfSet()
  @Max(64)
  @Min(1)
  @IsInt()
  concurrency?: number;

  @IfSet()
  @Max(100_000)
  @Min(0)
  @IsInt()
  dedupeWindow?: number;

  @Allow()
  stopAfterConsecutiveFailures?: number | false;
}

/** A broadcast as JSON. */
export class BroadcastDto {
  @IfSet()
  @IsBroadcastId()
  id?: string;

  @IsKind()
  kind!: BroadcastKind;

  /** For the library to check. */
  @IsObject()
  message!: MimcBroadcastMessage;

  @ArrayMinSize(1)
  @IsArray()
  recipients!: unknown[];

  @IfSet()
  @ValidateNested()
  @IsObject()
  @Type(() => BroadcastOptionsDto)
  options?: BroadcastOptionsDto;
}

/** A broadcast whose body is the audience: the rest of it is in the query, where everything is text. */
export class BroadcastUploadDto extends PushMessageDto {
  @IfSet()
  @IsBroadcastId()
  id?: string;

  @IsKind()
  kind!: BroadcastKind;

  @Transform(({ value }) => ({ true: true, false: false })[String(value)] ?? value)
  override isStore?: boolean = undefined;

  @Transform(({ value }) => integer(value))
  @Allow()
  chunkSize?: number;

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
