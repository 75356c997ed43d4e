import { isBusy, setBusy } from './busy.js';
import { withdrawQuestion } from './confirm.js';
import { announce, byId } from './dom.js';
import { clearOnInput, clearViolations, showProblem, showViolations } from './field-errors.js';
import { setText, startLanguage, t } from './i18n.js';
import { BroadcastPanel } from './broadcast-panel.js';
import { CallbackPanel } from './callback-panel.js';
import { CallLog } from './call-log.js';
import { FaultForm } from './fault-form.js';
import { Inbox } from './inbox.js';
import { follow } from './live-stream.js';
import { pushForm, pushToTopic } from './push-form.js';
import { messageOf } from './problem.js';
import { Session } from './session.js';
import { UsersPanel } from './users-panel.js';

startLanguage(byId('language'));

/** Undefined while the page is locked. */
let session;
const getSession = () => session;

const calls = new CallLog();
const inbox = new Inbox(() => broadcasts.isRunning);
const faults = new FaultForm(getSession);
const broadcasts = new BroadcastPanel(getSession);
const users = new UsersPanel(getSession, pushToTopic);
const callbacks = new CallbackPanel(getSession);
pushForm(getSession, calls);

const unlockForm = byId('unlock-form');
const unlockButton = unlockForm.querySelector('button');
clearOnInput(unlockForm);
unlockForm.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!isBusy(unlockButton)) void unlock(byId('key').value).finally(() => setBusy(unlockButton, false));
});
byId('lock').addEventListener('click', () => lock());

async function unlock(key) {
  clearViolations(unlockForm);
  if (key === '') return refuseKey('unlock.empty');
  if (/[^\x20-\xff]/.test(key)) return refuseKey('unlock.characters');
  setBusy(unlockButton, true);
  const candidate = new Session(key, () => session === candidate && lock(() => t('unlock.revoked')));
  const { status, body } = await candidate.call('GET', '/console/info');
  if (status === 200) return enter(candidate, body);
  candidate.close();
  if (status === 401) refuseKey('unlock.wrong');
  else showProblem(unlockForm, () => messageOf(body));
}

function refuseKey(message) {
  showViolations(unlockForm, [{ field: 'key', text: () => t(message) }]);
}

function enter(opened, { mode, isQueued, faults: presets }) {
  session?.close();
  session = opened;
  byId('key').value = '';
  setText(byId('mode'), () => t(`page.mode.${mode}`));
  byId('inbox').hidden = mode !== 'demo';
  faults.offer(presets);
  broadcasts.setUp({ mode, isQueued });
  callbacks.setUp({ isDemo: mode === 'demo' });
  showWorkspace(true);
  byId('main').focus();
  announce(t('page.unlocked'));
  void follow((headers, signal) => opened.stream('/console/events', headers, signal), {
    signal: opened.signal,
    onState: showLink,
    onEvent: ({ type, data }) => receive(type, JSON.parse(data)),
  });
}

function receive(type, data) {
  if (type === 'messages') inbox.add(data);
  if (type === 'callbacks') callbacks.add(data);
  if (type !== 'status') return;
  faults.show(data.fault, data);
  broadcasts.noteQuota(data);
}

/** Discards the key and everything shown with it. */
function lock(why = '') {
  session?.close();
  withdrawQuestion();
  session = undefined;
  calls.clear();
  inbox.clear();
  broadcasts.clear();
  users.clear();
  callbacks.clear();
  // Drafts, and the file that was chosen.
  for (const form of document.forms) {
    form.reset();
    form.dispatchEvent(new Event('change'));
    clearViolations(form);
  }
  byId('inbox-filter').value = '';
  clearLink();
  showWorkspace(false);
  announce(t('page.locked'));
  showProblem(unlockForm, why);
  byId('key').focus();
}

function showWorkspace(isOpen) {
  byId('workspace').hidden = !isOpen;
  byId('session').hidden = !isOpen;
  byId('unlock').hidden = isOpen;
}

function clearLink() {
  setText(byId('link'), '');
  byId('lost').hidden = true;
  delete byId('link').dataset.state;
}

/** @param {object} [refusal] the server's answer */
function showLink(state, refusal) {
  const link = byId('link');
  const name = () => t(`link.${state}`);
  const text = () => (refusal === undefined ? name() : t('link.why', { state: name, why: messageOf(refusal) }));
  byId('lost').hidden = state !== 'waiting';
  // A live region: an unchanged text is not announced again.
  if (link.textContent === text()) return;
  link.dataset.state = state;
  setText(link, text);
}
