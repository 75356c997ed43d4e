import { el } from './dom.js';
import { settledOf } from './rate.js';

const OUTCOMES = ['accepted', 'refused', 'unknown', 'notSent', 'invalid', 'duplicates'];

/** A progress bar in which each outcome has its share and colour. */
export class OutcomeBar {
  #parts = Object.fromEntries(OUTCOMES.map((name) => [name, el('span', { class: 'bar-part', 'data-outcome': name })]));
  #rest = el('span', { class: 'bar-rest' });
  element;

  constructor(label) {
    this.element = el(
      'div',
      { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
      ...Object.values(this.#parts),
      this.#rest,
    );
  }

  show(progress, total) {
    for (const [name, part] of Object.entries(this.#parts)) {
      part.style.flexGrow = progress[name];
      part.hidden = progress[name] === 0;
    }
    this.#rest.style.flexGrow = Math.max(0, total - settledOf(progress) - progress.notSent);
    this.element.setAttribute('aria-valuenow', Math.floor(shareOf(progress, total) * 100));
  }
}

/** Rounded down by its users, so that 100 % means that every recipient is settled. */
export function shareOf(progress, total) {
  return total === 0 ? 0 : Math.min(1, settledOf(progress) / total);
}
