import { audienceOfFile, audienceOfText, isTable } from './audience.js';
import { byId, el } from './dom.js';
import { plural, setText, t } from './i18n.js';

/** Shown for a file that is not UTF-8 text or no longer exists. */
export const unreadable = () => t('broadcast.unreadable');

/** The preview is updated after typing stopped for this long, in milliseconds. */
const STILL_MS = 250;

const FIELDS = new Set(['recipients', 'file', 'csv-column', 'csv-header']);

/** The fields for the audience of a broadcast, and its preview. */
export class AudienceField {
  #form;
  #timer;
  /** Number of the latest reading: an older one that ends later is dropped. */
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
    // A file may be large: it is not read again when something else changes.
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
        audience.count === 0 && file === undefined ? '' : previewOf(audience, this.kind),
        warningsOf(audience),
      );
    } catch {
      if (reading === this.#reading) this.#show(unreadable, []);
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
        el(
          'option',
          { value: index },
          isNamed && name !== '' ? name : () => t('broadcast.column-of', { number: index + 1 }),
        ),
      ),
    );
    if (columns[chosen] !== undefined) select.value = chosen;
  }

  #show(sentence, warnings) {
    setText(byId('audience-size'), sentence);
    byId('audience-warnings').replaceChildren(...warnings.map((text) => el('li', {}, text)));
  }
}

/** `3 accounts: alice, bob, carol` */
export function sentenceOf({ count, first }, kind) {
  const size = recipients(count, kind);
  if (count === 0) return size;
  const names = first.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name)).join(t('audience.separator'));
  const more = (count - first.length).toLocaleString('en');
  return t(count > first.length ? 'audience.names-more' : 'audience.names', { size, names, more });
}

function previewOf(audience, kind) {
  return () => sentenceOf(audience, kind);
}

export function recipients(count, kind) {
  return plural(`audience.${kind}`, count);
}

function warningsOf({ blank, commas }) {
  return [
    ...(commas === 0 ? [] : [() => plural('audience.comma', commas)]),
    ...(blank === 0 ? [] : [() => plural('audience.blank', blank)]),
  ];
}
