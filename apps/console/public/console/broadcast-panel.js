import { isBusy, setBusy } from './busy.js';
import { byId } from './dom.js';
import { BroadcastView } from './broadcast-view.js';
import { clearOnInput, clearViolations, rootOf, showProblem, showViolations } from './field-errors.js';
import { linesOf } from './lines.js';
import { follow } from './live-stream.js';
import { outcomeOf } from './outcome.js';

/** What an upload calls the fields that JSON has inside of others. */
const UPLOAD_FIELDS = { msg: 'message.msg', chunkSize: 'options.chunkSize' };

const TOO_LONG = { field: 'msg', message: 'Too long to go with a file, as it goes in the query' };

/** Starts a broadcast, and follows the one that was started last. */
export class BroadcastPanel {
  #getSession;
  #form = byId('broadcast-form');
  #view;
  #following;
  /** The next broadcast's, when the form names none. One whose answer was lost is asked for again by the same id. */
  #nextId = newId();
  /** The id of a broadcast that may have started. */
  #unsureId;

  constructor(getSession) {
    this.#getSession = getSession;
    clearOnInput(this.#form);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#start();
    });
  }

  /** @param {{isQueued: boolean}} info a queue takes no options */
  setUp({ isQueued }) {
    byId('chunk-field').hidden = isQueued;
  }

  noteQuota(status) {
    this.#view?.noteQuota(status);
  }

  get isRunning() {
    return this.#view?.isRunning ?? false;
  }

  clear() {
    this.#following?.abort();
    this.#view?.close();
    this.#view = undefined;
    byId('run').replaceChildren();
    this.#nextId = newId();
    this.#unsureId = undefined;
    this.#show(false);
  }

  async #start() {
    const button = byId('broadcast-start');
    if (isBusy(button)) return;
    setBusy(button, true);
    clearViolations(this.#form);
    const session = this.#getSession();
    const id = byId('broadcast-id').value.trim() || this.#nextId;
    const answer = await session.call('POST', ...this.#request(id));
    if (answer.status === 409 && id === this.#unsureId) await this.#join(session, id);
    else if (!session.signal.aborted) this.#take(session, id, answer);
    setBusy(button, false);
  }

  #take(session, id, answer) {
    const { status, body } = answer;
    if (status === 202) return this.#watch(session, body);
    if (body.violations !== undefined) return showViolations(this.#form, body.violations, nameOf);
    if (status === 431) return showViolations(this.#form, [TOO_LONG], nameOf);
    if (outcomeOf(answer) !== 'unknown') return showProblem(this.#form, body.message);
    this.#unsureId = id;
    showProblem(this.#form, `${body.message}. It may have started: to start it again sends to nobody twice.`);
  }

  /** Watches the broadcast that had started although its answer was lost. */
  async #join(session, id) {
    const { status, body } = await session.call('GET', `/broadcasts/${encodeURIComponent(id)}`);
    if (session.signal.aborted) return;
    if (status !== 200) return showProblem(this.#form, body.message);
    this.#watch(session, body);
    showProblem(this.#form, 'It had started already: this is the one whose answer was lost.');
  }

  /** A file goes as it is, with the rest in the query; a list goes with the rest in JSON. */
  #request(id) {
    const [file] = byId('file').files;
    const kind = this.#form.querySelector('[name="kind"]:checked').value;
    const msg = byId('broadcast-msg').value;
    const chunkSize = byId('chunk-field').hidden ? '' : byId('chunkSize').value.trim();
    if (file !== undefined) {
      const query = new URLSearchParams({ id, kind, msg, ...(chunkSize && { chunkSize }) });
      const type = /\.(ndjson|jsonl)$/i.test(file.name) ? 'application/x-ndjson' : 'text/plain';
      return [`/broadcasts?${query}`, { file, type }];
    }
    const options = chunkSize && { options: { chunkSize: numberOr(chunkSize) } };
    const recipients = linesOf(byId('recipients').value);
    return ['/broadcasts', { json: { id, kind, message: { msg }, recipients, ...options } }];
  }

  #watch(session, state) {
    this.clear();
    const path = `/broadcasts/${encodeURIComponent(state.id)}`;
    const view = new BroadcastView(byId('run'), async (action) => {
      await act(session, path, action, view);
      // The stream of one that had failed has ended.
      if (action === 'resume' && this.#following.signal.aborted) this.#follow(session, path, view);
    });
    this.#view = view;
    this.#show(true);
    view.show(state);
    this.#follow(session, path, view);
  }

  #follow(session, path, view) {
    const following = new AbortController();
    this.#following = following;
    void follow((headers, signal) => session.stream(`${path}/events`, headers, signal), {
      signal: AbortSignal.any([session.signal, following.signal]),
      onState: (state, why) => state === 'over' && view.lose(why),
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

async function act(session, path, action, view) {
  const asked = action === 'cancel' ? ['DELETE', path] : ['POST', `${path}/${action}`];
  const { status, body } = await session.call(...asked);
  if (session.signal.aborted) return;
  if (status === 200) view.show(body);
  else if (status === 404) view.lose(body.message);
  else view.problem(body.message);
}

/** A random one; `crypto.randomUUID` is only where the page came by HTTPS or from this machine. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `line 3` is of the file. */
function nameOf(field) {
  if (field.startsWith('line ')) return 'file';
  return UPLOAD_FIELDS[field] ?? rootOf(field);
}

/** What is no number goes as it is, for the API to say so. */
function numberOr(text) {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
