import { byId, el, timeOf } from './dom.js';
import { setText, t } from './i18n.js';
import { OutcomeBar } from './outcome-bar.js';
import { messageOf } from './problem.js';
import { hashOf, idInAddress, stateName } from './broadcast-names.js';

/** How often the list is refreshed, in milliseconds. */
const EVERY_MS = 3_000;

/** Running, scheduled and finished broadcasts, started by any page or process. Each is a link that shows it. */
export class BroadcastList {
  #entries = new Map();
  #ids = '';
  #stop = new AbortController();

  /** Refreshes until the session ends. */
  follow(session) {
    this.clear();
    const stop = new AbortController();
    this.#stop = stop;
    session.signal.addEventListener('abort', () => stop.abort(), { signal: stop.signal });
    const next = async () => {
      if (stop.signal.aborted) return;
      if (!document.hidden) await this.refresh(session);
      if (!stop.signal.aborted) setTimeout(() => void next(), EVERY_MS);
    };
    void next();
  }

  async refresh(session) {
    const { status, body } = await session.call('GET', '/broadcasts');
    if (session.signal.aborted) return;
    setText(byId('broadcast-list-problem'), status === 200 ? '' : () => t('list.stale', { message: messageOf(body) }));
    if (status === 200) this.#show(body);
  }

  /** Marks the one that is watched. */
  mark(id) {
    for (const [key, { link }] of this.#entries) {
      if (key === id) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }

  clear() {
    this.#stop.abort();
    this.#entries.clear();
    this.#ids = '';
    byId('broadcast-list').replaceChildren();
    setText(byId('broadcast-list-problem'), '');
    this.#showSize(0, 0);
  }

  #show({ broadcasts, omitted }) {
    const known = this.#entries;
    this.#entries = new Map(broadcasts.map(({ id }) => [id, known.get(id) ?? new Entry(id)]));
    for (const broadcast of broadcasts) this.#entries.get(broadcast.id).show(broadcast);
    this.#showSize(broadcasts.length, omitted);
    const ids = JSON.stringify(broadcasts.map(({ id }) => id));
    if (ids === this.#ids) return;
    this.#ids = ids;
    const focused = document.activeElement;
    byId('broadcast-list').replaceChildren(...[...this.#entries.values()].map(({ element }) => element));
    // Moving a link takes its focus away.
    if (byId('broadcast-list').contains(focused)) focused.focus();
    this.mark(idInAddress());
  }

  #showSize(count, omitted) {
    byId('broadcast-list').hidden = count === 0;
    byId('broadcast-list-empty').hidden = count > 0;
    const older = () => t('list.older', { count: omitted.toLocaleString('en') });
    setText(byId('broadcast-list-more'), omitted === 0 ? '' : older);
  }
}

class Entry {
  #state = el('span', { class: 'run-state' });
  #count = el('span', { class: 'aside' });
  #time = el('time', { class: 'aside' });
  #bar;

  constructor(id) {
    this.#bar = new OutcomeBar(() => t('list.progress', { id }));
    this.link = el('a', { href: hashOf(id) }, el('code', {}, id));
    this.element = el(
      'li',
      { class: 'listed' },
      el('div', { class: 'listed-head' }, this.link, this.#state, this.#count, this.#time),
      this.#bar.element,
    );
  }

  show({ state, total, progress, createdAt, startAt, finishedAt }) {
    setText(this.#state, () => stateName(state));
    this.#state.dataset.state = state;
    const trouble = progress.refused + progress.notSent + progress.unknown + progress.invalid;
    const figures = Object.entries({ accepted: progress.accepted, total, trouble });
    const values = Object.fromEntries(figures.map(([name, count]) => [name, count.toLocaleString('en')]));
    setText(this.#count, () => t(trouble === 0 ? 'list.accepted' : 'list.accepted-not', values));
    const at = state === 'scheduled' ? startAt : (finishedAt ?? createdAt);
    this.#time.dateTime = at;
    setText(this.#time, state === 'scheduled' ? () => t('list.begins', { time: timeOf(at) }) : timeOf(at));
    this.#bar.show(progress, total);
  }
}
