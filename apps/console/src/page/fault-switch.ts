import { Injectable } from '@nestjs/common';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { FAULT_PRESETS } from './fault-presets.js';

/** The fault that is on. */
export interface ActiveFault {
  id: string;
  /** Requests that will still meet it; null without an end. */
  left: number | null;
}

/** Switches faults of the emulator on and off, one at a time. */
@Injectable()
export class FaultSwitch {
  #active: ActiveFault | undefined;
  #remove = (): void => {};

  constructor(private readonly emulator: MimcEmulator) {}

  /** Null when the emulator answers as ever. */
  get active(): ActiveFault | null {
    return this.#active === undefined ? null : { ...this.#active };
  }

  /** @param times requests that meet it; without it, all until {@link off} */
  on(id: string, times?: number): void {
    const preset = FAULT_PRESETS[id];
    if (preset === undefined) throw new TypeError('There is no such fault');
    this.off();
    const active: ActiveFault = { id, left: times ?? null };
    this.#active = active;
    this.#remove = this.emulator.faultWhen(() => this.#meets(active), preset.fault);
  }

  off(): void {
    this.#remove();
    this.#remove = () => {};
    this.#active = undefined;
  }

  /** Asked once for each request. */
  #meets(fault: ActiveFault): boolean {
    if (fault.left !== null) fault.left--;
    if (fault.left === 0) this.off();
    return true;
  }
}
