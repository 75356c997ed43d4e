import { isBusy, setBusy } from './busy.js';
import { byId } from './dom.js';
import { clearOnInput, clearViolations, showViolations } from './field-errors.js';
import { linesOf } from './lines.js';

/** The field that names the recipients of each push. */
const RECIPIENT = { p2p: 'toAccount', 'p2p/more': 'toAccounts', p2t: 'topicId', 'p2t/more': 'topicIds' };

/**
 * The form of the four pushes.
 *
 * @param {{begin: () => void, add: (call: object) => void}} calls
 */
export function pushForm(getSession, calls) {
  const form = byId('push-form');
  const button = byId('push-send');
  const chosen = () => form.querySelector('[name="push"]:checked').value;
  const showRecipient = () => {
    for (const field of form.querySelectorAll('[data-push]')) field.hidden = field.dataset.push !== chosen();
  };
  form.addEventListener('change', showRecipient);
  clearOnInput(form);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!isBusy(button)) void send(form, chosen(), getSession(), calls).finally(() => setBusy(button, false));
  });
  showRecipient();
}

/** Prepares the form for a push to a group and focuses its message. */
export function pushToTopic(topicId) {
  const form = byId('push-form');
  form.querySelector('[name="push"][value="p2t"]').checked = true;
  form.dispatchEvent(new Event('change'));
  byId('topicId').value = topicId;
  byId('msg').focus();
}

async function send(form, push, session, calls) {
  calls.begin();
  setBusy(byId('push-send'), true);
  clearViolations(form);
  const json = bodyOf(push);
  const answer = await session.call('POST', `/push/${push}`, { json });
  if (session.signal.aborted) return;
  showViolations(form, answer.body.violations ?? []);
  calls.add({ push, to: [json[RECIPIENT[push]]].flat(), ...answer });
}

/** Empty optional fields are left out; the API checks the required ones. */
function bodyOf(push) {
  const recipient = RECIPIENT[push];
  const text = byId(recipient).value;
  const { msgType, isStore, fromAccount, fromResource, bizType } = optionalFields();
  return {
    [recipient]: push.endsWith('/more') ? linesOf(text) : text.trim(),
    msg: byId('msg').value,
    ...(msgType && { msgType }),
    ...(isStore && { isStore: isStore === 'true' }),
    ...(fromAccount && { fromAccount }),
    ...(fromResource && { fromResource }),
    ...(bizType && { bizType }),
  };
}

function optionalFields() {
  const names = ['msgType', 'isStore', 'fromAccount', 'fromResource', 'bizType'];
  return Object.fromEntries(names.map((name) => [name, byId(name).value]));
}
