/** Whether a button's action is still running. The button is not disabled meanwhile, because that would take its focus. */
export function isBusy(button) {
  return button.getAttribute('aria-disabled') === 'true';
}

export function setBusy(button, busy) {
  if (busy) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}
