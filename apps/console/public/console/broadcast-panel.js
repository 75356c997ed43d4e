import { AudienceField, recipients, sentenceOf, unreadable } from './audience-field.js';
import { BroadcastList } from './broadcast-list.js';
import { hashOf, idInAddress } from './broadcast-names.js';
import { BroadcastView } from './broadcast-view.js';
import { isBusy, setBusy } from './busy.js';
import { confirmed } from './confirm.js';
import { byId, el, timeOf } from './dom.js';
import { clearOnInput, clearViolations, rootOf, showProblem, showViolations } from './field-errors.js';
import { setText, t } from './i18n.js';
import { follow } from './live-stream.js';
import { outcomeOf } from './outcome.js';
import { messageOf, problemOf } from './problem.js';

/** Names of fields in an upload's query that are nested in JSON. */
const UPLOAD_FIELDS = { msg: 'message.msg', chunkSize: 'options.chunkSize' };

const TOO_LONG = { field: 'msg', text: () => t('broadcast.too-long') };

/** How long a browser may take to start saving a file, in milliseconds. */
const RELEASE_MS = 10_000;

/** Starts broadcasts, lists them, and follows the one that the page's URL names. */
export class BroadcastPanel {
  #getSession;
  #form = byId('broadcast-form');
  #audience = new AudienceField(this.#form);
  #list = new BroadcastList();
  #isDemo = false;
  #view;
  #watched;
  #following;
  /** Of the next broadcast when the form gives none. After a lost answer the same id is used again. */
  #nextId = newId();
  /** The id of a broadcast that may have started. */
  #unsureId;

  constructor(getSession) {
    this.#getSession = getSession;
    clearOnInput(this.#form);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const button = byId('broadcast-start');
      if (isBusy(button)) return;
      setBusy(button, true);
      void this.#start().finally(() => setBusy(button, false));
    });
    addEventListener('hashchange', () => this.#obeyAddress());
    this.#leave();
  }

  /** @param {{mode: string, isQueued: boolean}} info a queue takes no options */
  setUp({ mode, isQueued }) {
    byId('chunk-field').hidden = isQueued;
    this.#isDemo = mode === 'demo';
    this.#list.follow(this.#getSession());
    this.#obeyAddress();
  }

  noteQuota(status) {
    this.#view?.noteQuota(status);
  }

  get isRunning() {
    return this.#view?.isRunning ?? false;
  }

  clear() {
    this.#list.clear();
    this.#leave();
    this.#nextId = newId();
    this.#unsureId = undefined;
  }

  async #start() {
    clearViolations(this.#form);
    const session = this.#getSession();
    const audience = await this.#audience.read().catch(() => undefined);
    if (session.signal.aborted) return;
    if (audience === undefined) return showViolations(this.#form, [{ field: 'file', text: unreadable }]);
    // The API refuses an empty one.
    if (audience.count > 0 && !(await confirmed(this.#question(audience)))) return;
    if (session.signal.aborted) return;
    const id = byId('broadcast-id').value.trim() || this.#nextId;
    const answer = await session.call('POST', ...this.#request(id, audience));
    if (answer.status === 409 && id === this.#unsureId) await this.#join(session, id);
    else if (!session.signal.aborted) this.#take(session, id, answer);
  }

  #question(audience) {
    const { kind } = this.#audience;
    const startAt = startTime();
    const key = `ask.start.${this.#isDemo ? 'demo' : 'mimc'}`;
    const size = () => recipients(audience.count, kind);
    const values = { audience: () => sentenceOf(audience, kind), time: timeOf(startAt) };
    return {
      title: () => t(key, { size }),
      text: () => t(`${key}.${startAt === undefined ? 'now' : 'later'}`, values),
      action: () => t('ask.start.action', { size }),
    };
  }

  #take(session, id, answer) {
    const { status, body } = answer;
    if (status === 202) return this.#started(session, body);
    if (body.violations !== undefined) return showViolations(this.#form, body.violations, nameOf);
    if (status === 431) return showViolations(this.#form, [TOO_LONG], nameOf);
    if (outcomeOf(answer) !== 'unknown') return showProblem(this.#form, () => problemOf(body));
    this.#unsureId = id;
    showProblem(this.#form, () => t('broadcast.unsure', { message: messageOf(body) }));
  }

  /** Shows the broadcast that had started although its answer was lost. */
  async #join(session, id) {
    const { status, body } = await session.call('GET', pathOf(id));
    if (session.signal.aborted) return;
    if (status !== 200) return showProblem(this.#form, () => problemOf(body));
    this.#started(session, body);
    showProblem(this.#form, () => t('broadcast.joined'));
  }

  /** A file goes as it is, or the column of it that was chosen, with the rest in the query; a list goes with the rest in JSON. */
  #request(id, { file, type, list }) {
    const { kind } = this.#audience;
    const msg = byId('broadcast-msg').value;
    const startAt = startTime();
    const chunkSize = byId('chunk-field').hidden ? '' : byId('chunkSize').value.trim();
    if (file !== undefined) {
      const query = new URLSearchParams({
        id,
        kind,
        msg,
        ...(startAt && { startAt }),
        ...(chunkSize && { chunkSize }),
      });
      return [`/broadcasts?${query}`, { file, type }];
    }
    const options = chunkSize && { options: { chunkSize: numberOr(chunkSize) } };
    const json = { id, kind, message: { msg }, recipients: list, ...(startAt && { startAt }), ...options };
    return ['/broadcasts', { json }];
  }

  /** Shows the broadcast that the URL names, also after a reload, in another tab, and with the Back button. */
  #obeyAddress() {
    const session = this.#getSession();
    if (session === undefined) return;
    const id = idInAddress();
    // The skip link has a fragment of its own.
    if (id === undefined && location.hash !== '') return;
    if (id === this.#watched) return;
    this.#leave();
    if (id !== undefined) void this.#open(session, id);
    else this.#list.mark(undefined);
  }

  async #open(session, id) {
    this.#watched = id;
    const { status, body } = await session.call('GET', pathOf(id));
    if (session.signal.aborted || this.#watched !== id) return;
    if (status === 200) return this.#watch(session, body);
    this.#watched = undefined;
    setText(byId('run-empty'), () => t('broadcast.failed-to-open', { id, message: messageOf(body) }));
  }

  /** From now on the form starts a new one. */
  #started(session, state) {
    this.#nextId = newId();
    this.#unsureId = undefined;
    this.#watch(session, state);
  }

  #watch(session, state) {
    this.#leave();
    const { id } = state;
    this.#watched = id;
    if (idInAddress() !== id) history.pushState(null, '', hashOf(id));
    const view = new BroadcastView(byId('run'), (action) => this.#act(session, id, action, view));
    this.#view = view;
    this.#show(true);
    view.show(state);
    this.#follow(session, pathOf(id), view);
    void this.#list.refresh(session).then(() => this.#list.mark(this.#watched));
  }

  #leave() {
    this.#following?.abort();
    this.#view?.close();
    this.#view = undefined;
    this.#watched = undefined;
    byId('run').replaceChildren();
    setText(byId('run-empty'), () => t('broadcast.none'));
    this.#show(false);
  }

  async #act(session, id, action, view) {
    const path = pathOf(id);
    if (action === 'failures') return save(session, path, id, view);
    const question = view.questionOf(action);
    if (question !== undefined && !(await confirmed(question))) return;
    if (session.signal.aborted) return;
    const asked = action === 'cancel' ? ['DELETE', path] : ['POST', `${path}/${action}`];
    const { status, body } = await session.call(...asked);
    if (session.signal.aborted || view !== this.#view) return;
    if (status === 200) view.show(body);
    else if (status === 404) view.lose(() => messageOf(body));
    else view.problem(() => problemOf(body));
    // The stream of one that had ended has ended.
    if (status === 200 && this.#following.signal.aborted) this.#follow(session, path, view);
    void this.#list.refresh(session);
  }

  #follow(session, path, view) {
    const following = new AbortController();
    this.#following = following;
    void follow((headers, signal) => session.stream(`${path}/events`, headers, signal), {
      signal: AbortSignal.any([session.signal, following.signal]),
      onState: (state, refusal) => state === 'over' && view.lose(() => messageOf(refusal)),
      onEvent: ({ type, data }) => {
        view.show(JSON.parse(data));
        if (type === 'end') following.abort();
      },
    });
  }

  #show(hasRun) {
    byId('run').hidden = !hasRun;
    byId('run-empty').hidden = hasRun;
  }
}

/** Saves the file of failures. A browser's own download would not carry the key, so the page makes the file from an answer. */
async function save(session, path, id, view) {
  const { blob, problem } = await session.download(`${path}/failures`);
  if (session.signal.aborted) return;
  if (blob === undefined) return view.problem(() => problemOf(problem));
  const url = URL.createObjectURL(blob);
  el('a', { href: url, download: `${id}.failures.ndjson` }).click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
}

function pathOf(id) {
  return `/broadcasts/${encodeURIComponent(id)}`;
}

/** In UTC: the field is in the user's local time. */
function startTime() {
  const { value } = byId('startAt');
  return value === '' ? undefined : new Date(value).toISOString();
}

/** A random one; `crypto.randomUUID` exists only over HTTPS or on localhost. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `line 3` is a line of the file. */
function nameOf(field) {
  if (field.startsWith('line ')) return 'file';
  return UPLOAD_FIELDS[field] ?? rootOf(field);
}

/** Anything else is sent as it is, for the API to refuse. */
function numberOr(text) {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
