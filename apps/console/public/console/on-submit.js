import { isBusy, setBusy } from './busy.js';
import { clearOnInput, clearViolations } from './field-errors.js';

/** Runs `action` when a form is submitted, unless it is still running. */
export function onSubmit(form, action) {
  const button = form.querySelector('button');
  clearOnInput(form);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (isBusy(button)) return;
    setBusy(button, true);
    clearViolations(form);
    void action().finally(() => setBusy(button, false));
  });
}
