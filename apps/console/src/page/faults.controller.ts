import { Body, Controller, Delete, Put } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type ActiveFault, FaultSwitch } from './fault-switch.js';
// Not `import type`: the validation pipe needs the class.
import { FaultDto } from './fault.dto.js';

/** Wrapped in an object, because `null` alone would be an empty body. */
interface FaultState {
  fault: ActiveFault | null;
}

/** Faults of the emulator; the module registers it only in demo mode. */
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
