import { Logger } from '@nestjs/common';
import type { CallbackRefusal } from './refusal.js';

const PAUSE_MS = 60_000;

/** Logs refusals, each reason once a minute: anybody can cause them, as often as they like. */
export class RefusalLog {
  readonly #logger = new Logger('MimcCallbackModule');
  readonly #reasons = new Map<string, { until: number; left: number }>();

  log({ status, detail }: CallbackRefusal): void {
    const now = performance.now();
    const known = this.#reasons.get(detail);
    if (known !== undefined && known.until > now) {
      known.left += 1;
      return;
    }
    this.#reasons.set(detail, { until: now + PAUSE_MS, left: 0 });
    const others = known?.left ? ` (and ${known.left} more since the last such line)` : '';
    this.#logger[status < 500 ? 'warn' : 'error'](`Answered a callback with ${status}: ${detail}${others}`);
  }
}
