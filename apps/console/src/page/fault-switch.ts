import { Injectable } from '@nestjs/common';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { FAULT_PRESETS } from './fault-presets.js';

/** The active fault. */
export interface ActiveFault {
  id: string;
  /** Requests that it will still affect; null for no limit. */
  left: number | null;
}

/** Switches faults of the emulator on and off, one at a time. */
@Injectable()
export class FaultSwitch {
  #active: ActiveFault | undefined;
  #remove = (): void => {};

  constructor(private readonly emulator: MimcEmulator) {}

  /** Null when the emulator answers normally. */
  get active(): ActiveFault | null {
    return this.#active === undefined ? null : { ...this.#active };
  }

  /** @param times how many requests it affects; default: all until {@link off} */
  on(id: string, times?: number): void {
    const fault = FAULT_PRESETS[id];
    if (fault === undefined) throw new TypeError(`Unknown fault: ${id}`);
    this.off();
    const active: ActiveFault = { id, left: times ?? null };
    this.#active = active;
    this.#remove = this.emulator.faultWhen(() => this.#affects(active), fault);
  }

  off(): void {
    this.#remove();
    this.#remove = () => {};
    this.#active = undefined;
  }

  /** Called once for each request. */
  #affects(fault: ActiveFault): boolean {
    if (fault.left !== null) fault.left--;
    if (fault.left === 0) this.off();
    return true;
  }
}
