import { byId } from './dom.js';

/**
 * Asks in a dialog; resolves to whether the action was confirmed.
 *
 * @param {{title: string, text: string, action: string}} question `action` is what the button says
 */
export function confirmed({ title, text, action }) {
  const [dialog, yes, no] = [byId('confirm'), byId('confirm-yes'), byId('confirm-no')];
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  yes.textContent = action;
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

/** Takes the question away, as if it had been declined. */
export function withdrawQuestion() {
  byId('confirm').close();
}
