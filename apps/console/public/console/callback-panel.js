import { byId, el, facts } from './dom.js';
import { plural } from './i18n.js';
import { showProblem, showViolations } from './field-errors.js';
import { onSubmit } from './on-submit.js';
import { problemOf } from './problem.js';

/** Older entries are dropped. */
const MAX_SHOWN = 60;

/** The callbacks that the server handled, newest first; in demo mode also a form that sends as a user. */
export class CallbackPanel {
  #form = byId('user-message-form');
  #list = byId('callbacks');
  #getSession;

  constructor(getSession) {
    this.#getSession = getSession;
    onSubmit(this.#form, () => this.#send());
    this.#form.addEventListener('change', () => this.#showRecipient());
    this.#showRecipient();
  }

  setUp({ isDemo }) {
    this.#form.hidden = !isDemo;
  }

  /** Takes the data of the server's `callbacks` event. */
  add({ callbacks, isNew }) {
    if (isNew) this.clear();
    this.#list.prepend(...callbacks.toReversed().slice(0, MAX_SHOWN).map(entry));
    while (this.#list.children.length > MAX_SHOWN) this.#list.lastElementChild.remove();
    this.#tell();
  }

  clear() {
    this.#list.replaceChildren();
    this.#tell();
  }

  get #kind() {
    return this.#form.querySelector('[name="user-to"]:checked').value;
  }

  #showRecipient() {
    for (const field of this.#form.querySelectorAll('[data-to]')) field.hidden = field.dataset.to !== this.#kind;
  }

  async #send() {
    const session = this.#getSession();
    const kind = this.#kind;
    const json = {
      from: byId('user-from').value,
      text: byId('user-text').value,
      isOffline: byId('user-offline').checked,
      ...(kind === 'account'
        ? { toAccount: byId('user-account').value }
        : { topicId: byId('user-topic').value.trim() }),
    };
    const { status, body } = await session.call('POST', `/console/user-messages/${kind}`, { json });
    if (session.signal.aborted || status === 202) return;
    showViolations(this.#form, body.violations ?? []);
    if (body.violations === undefined) showProblem(this.#form, () => problemOf(body));
  }

  #tell() {
    const isEmpty = this.#list.children.length === 0;
    this.#list.hidden = isEmpty;
    byId('callbacks-empty').hidden = !isEmpty;
  }
}

function entry({ type, from, to, text, bytes, offline, receivedAt }) {
  const time = new Date(receivedAt).toLocaleTimeString('en-GB');
  const content = text ?? (bytes === undefined ? undefined : () => plural('inbox.bytes', bytes));
  return el(
    'li',
    { class: 'message' },
    el(
      'div',
      { class: 'message-head' },
      el('code', {}, type),
      el('time', { class: 'aside', datetime: receivedAt }, time),
    ),
    content === undefined ? undefined : el('p', { class: 'message-text' }, content),
    facts({ from, to, offline }),
  );
}
