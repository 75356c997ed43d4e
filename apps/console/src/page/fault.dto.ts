import { IsIn, IsInt, Max, Min, ValidateIf } from 'class-validator';
import { FAULT_PRESETS } from './fault-presets.js';

/** Which fault to switch on, and for how many requests. */
export class FaultDto {
  @IsIn(Object.keys(FAULT_PRESETS))
  fault!: string;

  /** How many requests it affects; default: all until it is switched off. */
  @ValidateIf((_object, value: unknown) => value !== undefined)
  @Max(1_000)
  @Min(1)
  @IsInt()
  times?: number;
}
