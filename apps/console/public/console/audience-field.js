import { audienceOfFile, audienceOfText, isTable } from './audience.js';
import { byId, el } from './dom.js';

/** Said of a file that is not UTF-8 text, or that is gone. */
export const UNREADABLE = 'The file cannot be read as text in UTF-8';

/** How long typing must have stopped, in milliseconds. */
const STILL_MS = 250;

const FIELDS = new Set(['recipients', 'file', 'csv-column', 'csv-header']);

/** The fields that name the audience of a broadcast, and the preview of it. */
export class AudienceField {
  #form;
  #timer;
  /** What was read last: an older reading that ends later shows nothing. */
  #reading = 0;

  constructor(form) {
    this.#form = form;
    form.addEventListener('input', ({ target }) => this.#changed(target));
    form.addEventListener('change', ({ target }) => this.#changed(target));
  }

  /** @returns {Promise<import('./audience.js').Audience>} rejects when the file cannot be read */
  async read() {
    const [file] = byId('file').files;
    if (file === undefined) return audienceOfText(byId('recipients').value);
    return audienceOfFile(file, { column: Number(byId('csv-column').value), hasHeader: byId('csv-header').checked });
  }

  #changed(target) {
    // A file may be large: it is not read again for a letter of the message.
    if (target !== this.#form && target.name !== 'kind' && !FIELDS.has(target.id)) return;
    clearTimeout(this.#timer);
    if (target === byId('file')) byId('csv-column').replaceChildren();
    this.#timer = setTimeout(() => void this.#preview(), STILL_MS);
  }

  async #preview() {
    const reading = (this.#reading += 1);
    const [file] = byId('file').files;
    byId('csv').hidden = file === undefined || !isTable(file);
    try {
      const audience = await this.read();
      if (reading !== this.#reading) return;
      if (audience.columns !== undefined) this.#offer(audience.columns);
      this.#show(
        audience.count === 0 && file === undefined ? '' : sentenceOf(audience, this.kind),
        warningsOf(audience),
      );
    } catch {
      if (reading === this.#reading) this.#show(UNREADABLE, []);
    }
  }

  get kind() {
    return this.#form.querySelector('[name="kind"]:checked').value;
  }

  #offer(columns) {
    const select = byId('csv-column');
    const isNamed = byId('csv-header').checked;
    const chosen = select.value;
    select.replaceChildren(
      ...columns.map((name, index) =>
        el('option', { value: index }, isNamed && name !== '' ? name : `Column ${index + 1}`),
      ),
    );
    if (columns[chosen] !== undefined) select.value = chosen;
  }

  #show(sentence, warnings) {
    byId('audience-size').textContent = sentence;
    byId('audience-warnings').replaceChildren(...warnings.map((text) => el('li', {}, text)));
  }
}

/** `3 accounts: alice, bob, carol` */
export function sentenceOf({ count, first }, kind) {
  const more = count > first.length ? ` and ${(count - first.length).toLocaleString('en')} more` : '';
  const names = first.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name)).join(', ');
  return `${recipients(count, kind)}${count === 0 ? '' : `: ${names}${more}`}`;
}

export function recipients(count, kind) {
  const [one, many] = kind === 'topics' ? ['group', 'groups'] : ['account', 'accounts'];
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

function warningsOf({ blank, commas }) {
  return [
    ...(commas === 0
      ? []
      : [
          `${lines(commas, 'has', 'have')} a comma, and is taken as one recipient. To choose a column, name the file .csv.`,
        ]),
    ...(blank === 0 ? [] : [`${lines(blank, 'is', 'are')} blank and left out.`]),
  ];
}

function lines(count, one, many) {
  return count === 1 ? `1 line ${one}` : `${count.toLocaleString('en')} lines ${many}`;
}
