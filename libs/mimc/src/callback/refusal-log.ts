import { Logger } from '@nestjs/common';

const PAUSE_MS = 60_000;

/** Logs refusals, each reason once a minute: anybody can cause them, as often as they like. */
export class RefusalLog {
  readonly #logger = new Logger('MimcCallbackModule');
  readonly #reasons = new Map<string, { until: number; left: number }>();

  warn(status: number, reason: string): void {
    const now = performance.now();
    const known = this.#reasons.get(reason);
    if (known !== undefined && known.until > now) {
      known.left += 1;
      return;
    }
    const others = known?.left ? ` (and ${known.left} more since the last such line)` : '';
    this.#logger.warn(`Refused a callback with ${status}: ${reason}${others}`);
    this.#reasons.set(reason, { until: now + PAUSE_MS, left: 0 });
  }
}
