import { IsIn, IsInt, Max, Min, ValidateIf } from 'class-validator';
import { FAULT_PRESETS } from './fault-presets.js';

/** Which fault is to be on, and for how long. */
export class FaultDto {
  @IsIn(Object.keys(FAULT_PRESETS))
  fault!: string;

  /** Requests that meet it; without it, all until it is switched off. */
  @ValidateIf((_object, value: unknown) => value !== undefined)
  @Max(1_000)
  @Min(1)
  @IsInt()
  times?: number;
}
