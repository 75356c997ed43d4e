import { announce, byId, el, facts } from './dom.js';

/** Kept to be searched through, and shown. */
const MAX_KEPT = 300;
const MAX_SHOWN = 60;
const ANNOUNCE_MS = 2_000;

/** The emulator's inboxes: the latest messages, newest first, of everybody or of one recipient. */
export class Inbox {
  #list = byId('messages');
  #filter = byId('inbox-filter');
  #kept = [];
  #recipients = new Set();
  #count = 0;
  #unsaid = 0;
  #timer;

  constructor() {
    this.#filter.addEventListener('input', () => this.#render());
  }

  /** Takes the news of the server's `messages` event. */
  add({ messages, missed, isNew }) {
    if (isNew) this.clear();
    this.#count += messages.length + missed;
    for (const { kind, to } of messages) this.#recipients.add(`${kind} ${to}`);
    this.#kept = [...messages.toReversed(), ...this.#kept].slice(0, MAX_KEPT);
    const nodes = messages.filter((message) => this.#matches(message)).slice(-MAX_SHOWN);
    this.#list.prepend(...nodes.toReversed().map((message) => entry(message, 'message fresh')));
    while (this.#list.children.length > MAX_SHOWN) this.#list.lastElementChild.remove();
    this.#tell();
    if (!isNew) this.#announce(messages.length);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kept = [];
    this.#recipients.clear();
    [this.#count, this.#unsaid] = [0, 0];
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
    byId('inbox-empty').textContent =
      this.#count === 0
        ? 'No messages yet. What the emulator takes for an account or a group appears here at once.'
        : 'None of the latest messages is for such a recipient.';
    byId('inbox-tally').textContent =
      this.#count === 0
        ? ''
        : `${plural(this.#count, 'message', 'messages')} in ${plural(this.#recipients.size, 'inbox', 'inboxes')}`;
  }

  /** Several at once are said as one. */
  #announce(count) {
    this.#unsaid += count;
    this.#timer ??= setTimeout(() => {
      announce(`${plural(this.#unsaid, 'message', 'messages')} arrived`);
      this.#unsaid = 0;
      this.#timer = undefined;
    }, ANNOUNCE_MS);
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
      el('span', { class: 'message-to' }, to),
      el('span', { class: 'message-kind' }, kind),
      el('time', { class: 'aside', datetime: receivedAt }, time.toLocaleTimeString('en-GB')),
    ),
    el('p', { class: 'message-text' }, text ?? `${bytes} bytes`),
    facts({ from, bizType, kept: isStore ? 'yes' : undefined, packetId }),
  );
}

function plural(count, one, many) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
