import { t } from './i18n.js';

/** The time over which the rate is measured, in milliseconds. */
const WINDOW_MS = 5_000;

/**
 * How fast a count grew over the last seconds: the slope of the best-fitting line. A broadcast goes in bursts of a second's
 * quota, so two samples alone would hit or miss one.
 */
export class Rate {
  #samples = [];

  /** @param {number} count so far, at `now` milliseconds */
  add(count, now) {
    // The quota of the first second goes at once: it counts as if it had taken that second.
    this.#samples.push({ count, now: this.#samples.length === 0 ? now - 1_000 : now });
    while (this.#samples.length > 2 && now - this.#samples[1].now >= WINDOW_MS) this.#samples.shift();
  }

  /** Per second; 0 while there are too few samples. */
  get perSecond() {
    const [meanNow, meanCount] = [mean(this.#samples, 'now'), mean(this.#samples, 'count')];
    const times = this.#samples.map(({ now }) => now - meanNow);
    const spread = times.reduce((sum, time) => sum + time * time, 0);
    const rise = this.#samples.reduce((sum, { count }, index) => sum + times[index] * (count - meanCount), 0);
    return spread === 0 ? 0 : (rise * 1_000) / spread;
  }
}

function mean(samples, field) {
  return samples.reduce((sum, sample) => sum + sample[field], 0) / Math.max(samples.length, 1);
}

/** Recipients whose outcome is settled. */
export function settledOf({ accepted, refused, unknown, invalid, duplicates }) {
  return accepted + refused + unknown + invalid + duplicates;
}

/** `1 min 20 s`; a dash for what never ends. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.ceil(seconds);
  if (whole < 60) return t('time.seconds', { seconds: whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return t('time.minutes', { minutes, seconds: whole % 60 });
  return t('time.hours', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
