import { Body, Controller, Delete, Put } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type ActiveFault, FaultSwitch } from './fault-switch.js';
// A value: the validation pipe knows its rules by it.
import { FaultDto } from './fault.dto.js';

/** What is on, in an object: `null` alone would be no body. */
interface FaultState {
  fault: ActiveFault | null;
}

/** Faults of the emulator; in demo mode only, as the module has it. */
@ApiExcludeController()
@Controller('console/fault')
export class FaultsController {
  constructor(private readonly faults: FaultSwitch) {}

  @Put()
  on(@Body() { fault, times }: FaultDto): FaultState {
    this.faults.on(fault, times);
    return { fault: this.faults.active };
  }

  @Delete()
  off(): FaultState {
    this.faults.off();
    return { fault: this.faults.active };
  }
}
