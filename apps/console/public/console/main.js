import { isBusy, setBusy } from './busy.js';
import { withdrawQuestion } from './confirm.js';
import { announce, byId } from './dom.js';
import { clearOnInput, clearViolations, showProblem, showViolations } from './field-errors.js';
import { BroadcastPanel } from './broadcast-panel.js';
import { CallbackPanel } from './callback-panel.js';
import { CallLog } from './call-log.js';
import { FaultForm } from './fault-form.js';
import { Inbox } from './inbox.js';
import { follow } from './live-stream.js';
import { pushForm, pushToTopic } from './push-form.js';
import { Session } from './session.js';
import { UsersPanel } from './users-panel.js';

const STATES = { live: 'Live', waiting: 'Connecting again', over: 'Not connected' };

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
  if (key === '') return showViolations(unlockForm, [{ field: 'key', message: 'Enter the API key' }]);
  if (/[^\x20-\xff]/.test(key)) {
    return showViolations(unlockForm, [{ field: 'key', message: 'The key has characters that no HTTP header holds' }]);
  }
  setBusy(unlockButton, true);
  const candidate = new Session(key, () => session === candidate && lock('The API no longer takes the key.'));
  const { status, body } = await candidate.call('GET', '/console/info');
  if (status === 200) return enter(candidate, body);
  candidate.close();
  if (status === 401) showViolations(unlockForm, [{ field: 'key', message: 'The API does not take this key' }]);
  else showProblem(unlockForm, body.message);
}

function enter(opened, { mode, isQueued, faults: presets }) {
  session?.close();
  session = opened;
  byId('key').value = '';
  byId('mode').textContent = mode === 'demo' ? 'Demo: emulator' : 'Sends to MIMC';
  byId('inbox').hidden = mode !== 'demo';
  faults.offer(presets);
  broadcasts.setUp({ mode, isQueued });
  callbacks.setUp({ isDemo: mode === 'demo' });
  showWorkspace(true);
  byId('main').focus();
  announce('Unlocked');
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

/** Forgets the key and all that it has shown. */
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
  announce('Locked');
  showProblem(unlockForm, why);
  byId('key').focus();
}

function showWorkspace(isOpen) {
  byId('workspace').hidden = !isOpen;
  byId('session').hidden = !isOpen;
  byId('unlock').hidden = isOpen;
}

function clearLink() {
  byId('link').textContent = '';
  delete byId('link').dataset.state;
}

/** @param {string} [why] what the server says */
function showLink(state, why) {
  const link = byId('link');
  const text = why === undefined ? STATES[state] : `${STATES[state]}: ${why}`;
  // It is a live region: what has not changed is not said again.
  if (link.textContent === text) return;
  link.dataset.state = state;
  link.textContent = text;
}
