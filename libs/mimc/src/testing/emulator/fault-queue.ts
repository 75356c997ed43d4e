import type { RandomFaults } from './chaos.js';
import { checkFault, type EmulatorFault } from './faults.js';
import type { EmulatedRequest } from './ledger.js';

/** What a request drew. */
export interface FaultDraw {
  /** The fault that is known before the request is read; a rule may still replace a random one. */
  readonly early: EmulatorFault | undefined;
  /** The fault of the read request. */
  late(request: EmulatedRequest): EmulatorFault | undefined;
}

interface Rule {
  readonly applies: (request: EmulatedRequest) => boolean;
  readonly fault: EmulatorFault;
}

/** Decides which fault a request meets: first the scripted queue, then the rules, then the random mix. */
export class FaultQueue {
  #queue: EmulatorFault[] = [];
  #rules: Rule[] = [];

  constructor(readonly random: RandomFaults | undefined) {}

  push(faults: readonly EmulatorFault[], times: number): void {
    faults.forEach(checkFault);
    for (let n = 0; n < times; n++) this.#queue.push(...faults);
  }

  /** Adds a rule and returns what removes it. */
  addRule(rule: Rule): () => void {
    checkFault(rule.fault);
    if (rule.fault.kind === 'reset' && rule.fault.when === 'before-read') {
      throw new TypeError('faultWhen decides on the whole request, so it cannot reset before the body is read');
    }
    this.#rules.push(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  /** Draws for the next request, once its headers are there. */
  draw(): FaultDraw {
    const scripted = this.#queue.shift();
    const random = this.random?.draw();
    return {
      early: scripted ?? random,
      late: (request) => scripted ?? this.#rules.find(({ applies }) => applies(request))?.fault ?? random,
    };
  }

  clear(): void {
    this.#queue = [];
    this.#rules = [];
  }
}
