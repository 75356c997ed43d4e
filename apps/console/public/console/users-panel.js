import { announce, byId, clamped, el, facts } from './dom.js';
import { showProblem, showViolations } from './field-errors.js';
import { t } from './i18n.js';
import { linesOf } from './lines.js';
import { onSubmit } from './on-submit.js';
import { outcomeOf } from './outcome.js';
import { messageOf, problemOf } from './problem.js';

/** Characters of a token that are shown. */
const SHOWN = 4;

/** Logs users in, and manages groups as the chosen one. */
export class UsersPanel {
  #login = byId('login-form');
  #group = byId('group-form');
  #owner = byId('owner');
  #getSession;
  #onPush;
  /** By account: the user's session, and the beginning of the token. */
  #users = new Map();

  /**
   * @param {() => Session} getSession
   * @param {(topicId: string) => void} onPush called when a group is chosen to be pushed to
   */
  constructor(getSession, onPush) {
    this.#getSession = getSession;
    this.#onPush = onPush;
    onSubmit(this.#login, () => this.#logIn(byId('login').value));
    onSubmit(this.#group, () => this.#create());
    this.#owner.addEventListener('change', () => void this.#list());
  }

  clear() {
    this.#users.clear();
    this.#showUsers();
    this.#showGroups([]);
  }

  async #logIn(account) {
    const session = this.#getSession();
    const begun = await session.call('POST', '/sessions', { json: { account } });
    if (session.signal.aborted) return;
    if (begun.status !== 201) return fail(this.#login, begun);
    const user = begun.body.session;
    const issued = await session.call('POST', '/tokens', { user });
    if (session.signal.aborted) return;
    if (issued.status !== 200) return fail(this.#login, issued);
    this.#users.set(account, { user, token: hint(issued.body.data.token) });
    this.#showUsers();
    this.#owner.value = account;
    announce(t('users.logged-in', { account }));
    await this.#list();
  }

  async #create() {
    const session = this.#getSession();
    const user = this.#chosen;
    if (user === undefined) return showProblem(this.#group, () => t('users.nobody'));
    const json = { topicName: byId('topicName').value, accounts: linesOf(byId('accounts').value) };
    const created = await session.call('POST', '/topics', { user, json });
    if (session.signal.aborted) return;
    const outcome = outcomeOf(created);
    if (outcome === 'accepted') announce(t('users.created', { name: created.body.topicName }));
    // It may exist although the answer was lost: the list shows it.
    if (outcome === 'accepted' || outcome === 'unknown') await this.#list();
    if (outcome !== 'accepted' && !session.signal.aborted) fail(this.#group, created);
  }

  async #list() {
    const session = this.#getSession();
    const user = this.#chosen;
    if (user === undefined) return this.#showGroups([]);
    const listed = await session.call('GET', '/topics', { user });
    // Another user may have been chosen meanwhile.
    if (session.signal.aborted || user !== this.#chosen) return;
    this.#showGroups(listed.status === 200 ? listed.body.list : []);
    if (listed.status !== 200) fail(this.#group, listed);
  }

  get #chosen() {
    return this.#users.get(this.#owner.value)?.user;
  }

  #showUsers() {
    const accounts = [...this.#users.keys()];
    const chosen = this.#owner.value;
    this.#owner.replaceChildren(...accounts.map((account) => el('option', { value: account }, account)));
    if (this.#users.has(chosen)) this.#owner.value = chosen;
    show('tokens', [...this.#users].map(userEntry));
  }

  #showGroups(groups) {
    show(
      'groups',
      groups.map((group) => groupEntry(group, this.#onPush)),
    );
  }
}

/** Says what went wrong with a form. */
function fail(form, { status, body }) {
  const { violations = [] } = body;
  showViolations(form, violations);
  if (violations.length > 0) return;
  const isUnknown = outcomeOf({ status, body }) === 'unknown';
  if (status === 401) showProblem(form, () => t('users.ended'));
  else showProblem(form, () => (isUnknown ? t('users.unsure', { message: messageOf(body) }) : problemOf(body)));
}

/** Shows that there is a token without revealing it. */
function hint(token) {
  const begin = token.slice(0, SHOWN);
  const count = token.length;
  return () => t('users.token', { begin, count });
}

function userEntry([account, { token }]) {
  return el('li', { class: 'message' }, clamped('span', 'message-to', account), facts({ token }));
}

function groupEntry({ topicId, topicName, ownerAccount }, onPush) {
  const button = el('button', { type: 'button', class: 'button quiet' }, () => t('users.push'));
  button.addEventListener('click', () => onPush(topicId));
  const head = el('div', { class: 'message-head' }, clamped('span', 'message-to', topicName), button);
  return el('li', { class: 'message' }, head, facts({ topicId, owner: ownerAccount }));
}

function show(id, entries) {
  const list = byId(id);
  list.replaceChildren(...entries);
  list.hidden = entries.length === 0;
}
