import { el, svg } from './dom.js';
import { setAttribute, setText, t } from './i18n.js';

/** One point per second; the chart is scaled to at least the first number of points, and keeps the second. */
const [LEAST_POINTS, MOST_POINTS] = [20, 60];
const [WIDTH, HEIGHT] = [120, 40];

/** A changing figure with its last minute as a line chart, which has a text alternative. */
export class Gauge {
  #name;
  #unit;
  #values = [];
  #value = el('span', {}, '0');
  #unitText = el('span', { class: 'gauge-unit' });
  #area = svg('path', { class: 'area' });
  #line = svg('path', { class: 'line' });
  #limit = svg('path', { class: 'limit' });
  #chart;

  /**
   * @param {() => string} name
   * @param {(limit: number | undefined) => string} unit
   */
  constructor(name, unit) {
    this.#name = name;
    this.#unit = unit;
    const base = svg('path', { class: 'base', d: `M0 ${HEIGHT}H${WIDTH}` });
    this.#chart = svg(
      'svg',
      { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' },
      this.#area,
      base,
      this.#limit,
      this.#line,
    );
    this.element = el(
      'figure',
      { class: 'gauge' },
      el(
        'figcaption',
        {},
        el('span', { class: 'gauge-name' }, name),
        el('span', { class: 'gauge-value' }, this.#value, ' ', this.#unitText),
      ),
      this.#chart,
    );
  }

  /** @param {number | undefined} limit the most that the value can be */
  add(value, limit) {
    this.#values = [...this.#values, value].slice(-MOST_POINTS);
    this.#value.textContent = text(value);
    setText(this.#unitText, () => this.#unit(limit));
    this.#draw(limit);
  }

  #draw(limit) {
    const highest = Math.max(...this.#values);
    const top = Math.max(highest, limit ?? 0, 1) * 1.1;
    const places = Math.max(this.#values.length, LEAST_POINTS);
    const x = (index) => ((places - this.#values.length + index) * WIDTH) / (places - 1);
    const y = (value) => HEIGHT - (value / top) * HEIGHT;
    const points = this.#values.map((value, index) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join('L');
    this.#line.setAttribute('d', `M${points}`);
    this.#area.setAttribute('d', `M${x(0).toFixed(1)} ${HEIGHT}L${points}V${HEIGHT}Z`);
    this.#limit.setAttribute('d', limit === undefined ? '' : `M0 ${y(limit).toFixed(1)}H${WIDTH}`);
    const least = Math.min(...this.#values);
    const count = this.#values.length;
    const figures = { count, least: text(least), most: text(highest), now: text(this.#values.at(-1)), limit };
    const key = limit === undefined ? 'run.chart' : 'run.chart-limit';
    setAttribute(this.#chart, 'aria-label', () => t(key, { name: this.#name, ...figures }));
  }
}

function text(value) {
  return Math.round(value).toLocaleString('en');
}
