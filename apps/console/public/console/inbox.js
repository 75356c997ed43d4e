import { announce, byId, clamped, el, facts } from './dom.js';
import { plural, setText, t } from './i18n.js';

/** Kept to be searched through, and shown. */
const MAX_KEPT = 300;
const MAX_SHOWN = 60;
/** Arrivals are gathered for this long before they are announced; then nothing is announced for the second time. */
const [GATHER_MS, QUIET_MS] = [2_000, 30_000];

/** The emulator's inboxes: the latest messages, newest first, for all recipients or for one. */
export class Inbox {
  #list = byId('messages');
  #filter = byId('inbox-filter');
  #kept = [];
  #count = 0;
  #unsaid = 0;
  #saidAt = -Infinity;
  #broadcastAt = -Infinity;
  #timer;
  #isBroadcasting;

  /** @param {() => boolean} isBroadcasting whether arrivals belong to a broadcast, which announces itself */
  constructor(isBroadcasting) {
    this.#isBroadcasting = isBroadcasting;
    this.#filter.addEventListener('input', () => this.#render());
  }

  /** Takes the data of the server's `messages` event. */
  add({ messages: fresh, missed, isNew }) {
    if (isNew) this.clear();
    this.#count += fresh.length + missed;
    this.#kept = [...fresh.toReversed(), ...this.#kept].slice(0, MAX_KEPT);
    const nodes = fresh.filter((message) => this.#matches(message)).slice(-MAX_SHOWN);
    this.#list.prepend(...nodes.toReversed().map((message) => entry(message, 'message fresh')));
    while (this.#list.children.length > MAX_SHOWN) this.#list.lastElementChild.remove();
    this.#tell();
    if (!isNew) this.#announce(fresh.length);
  }

  clear() {
    this.#sayNothing();
    this.#kept = [];
    this.#count = 0;
    this.#render();
  }

  #render() {
    const shown = this.#kept.filter((message) => this.#matches(message)).slice(0, MAX_SHOWN);
    this.#list.replaceChildren(...shown.map((message) => entry(message, 'message')));
    this.#tell();
  }

  #matches({ to }) {
    return to.includes(this.#filter.value.trim());
  }

  #tell() {
    const isEmpty = this.#list.children.length === 0;
    this.#list.hidden = isEmpty;
    byId('inbox-empty').hidden = !isEmpty;
    const count = this.#count;
    setText(byId('inbox-empty'), () => t(count === 0 ? 'inbox.empty' : 'inbox.no-match'));
    setText(byId('inbox-tally'), count === 0 ? '' : () => plural('inbox.count', count));
  }

  /** Arrivals are announced together; those of a broadcast never, although some come before its answer or after its end. */
  #announce(count) {
    const now = performance.now();
    if (this.#isBroadcasting()) {
      this.#broadcastAt = now;
      this.#sayNothing();
    }
    if (count === 0 || now - this.#broadcastAt < GATHER_MS) return;
    this.#unsaid += count;
    this.#timer ??= setTimeout(() => this.#say(), Math.max(GATHER_MS, this.#saidAt + QUIET_MS - now));
  }

  #say() {
    if (!this.#isBroadcasting()) announce(plural('inbox.arrived', this.#unsaid));
    this.#saidAt = performance.now();
    this.#sayNothing();
  }

  #sayNothing() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unsaid = 0;
  }
}

function entry({ kind, to, from, text, bytes, bizType, isStore, packetId, receivedAt }, className) {
  const time = new Date(receivedAt);
  return el(
    'li',
    { class: className },
    el(
      'div',
      { class: 'message-head' },
      clamped('span', 'message-to', to),
      el('span', { class: 'message-kind' }, () => t(`inbox.kind.${kind}`)),
      el('time', { class: 'aside', datetime: receivedAt }, time.toLocaleTimeString('en-GB')),
    ),
    el('p', { class: 'message-text' }, text ?? (() => plural('inbox.bytes', bytes))),
    facts({ from, bizType, kept: isStore ? () => t('fact.yes') : undefined, packetId }),
  );
}
