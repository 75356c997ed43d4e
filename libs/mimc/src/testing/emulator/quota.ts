import type { EmulatorAudience } from './endpoint.js';
import { SlidingSecond } from './window.js';

/**
 * Recipients per second the emulator lets through, over a sliding second. A kind left out keeps the vendor's default;
 * `Infinity` lifts it.
 */
export interface MimcEmulatorQuota {
  /** Accounts per second; default 50 (docs/mimc-api.md §1.4). */
  readonly accountsPerSecond?: number | undefined;
  /** Topics per second; default 20 (docs/mimc-api.md §1.4). */
  readonly topicsPerSecond?: number | undefined;
  /** Unlimited topics × messages per second; default 50 (docs/mimc-api.md §1.4). */
  readonly unlimitedTopicsPerSecond?: number | undefined;
}

/**
 * Enforces the quota: a request costs its recipients, and one that does not fit is refused whole and consumes nothing
 * (docs/mimc-api.md §10 row 6). That the window slides is emulator-defined; it is the strictest reading.
 */
export class EmulatorQuota {
  readonly #limits: Record<EmulatorAudience, number>;
  readonly #windows: Record<EmulatorAudience, SlidingSecond>;

  constructor(quota: MimcEmulatorQuota) {
    const { accountsPerSecond = 50, topicsPerSecond = 20, unlimitedTopicsPerSecond = 50 } = quota;
    this.#limits = {
      accounts: accountsPerSecond,
      topics: topicsPerSecond,
      unlimitedTopics: unlimitedTopicsPerSecond,
    };
    this.#windows = {
      accounts: new SlidingSecond(),
      topics: new SlidingSecond(),
      unlimitedTopics: new SlidingSecond(),
    };
  }

  /** Takes `units` at `now` milliseconds when they fit, and says whether they did. */
  take(audience: EmulatorAudience, units: number, now: number): boolean {
    const window = this.#windows[audience];
    if (window.units(now) + units > this.#limits[audience]) return false;
    window.add(now, units);
    return true;
  }
}
