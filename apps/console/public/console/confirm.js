import { byId } from './dom.js';
import { setText } from './i18n.js';

/**
 * Asks in a dialog; resolves to whether the action was confirmed.
 *
 * @param {{title: () => string, text: () => string, action: () => string}} question `action` labels the button
 */
export function confirmed({ title, text, action }) {
  const [dialog, yes, no] = [byId('confirm'), byId('confirm-yes'), byId('confirm-no')];
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(yes, action);
  dialog.returnValue = '';
  const closed = new AbortController();
  const { signal } = closed;
  yes.addEventListener('click', () => dialog.close('yes'), { signal });
  no.addEventListener('click', () => dialog.close(), { signal });
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = () => {
      closed.abort();
      resolve(dialog.returnValue === 'yes');
    };
    dialog.addEventListener('close', answer, { signal });
  });
}

/** Closes the dialog as if the action had been declined. */
export function withdrawQuestion() {
  byId('confirm').close();
}
