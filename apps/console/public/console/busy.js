/** Whether what a button began is still under way. It is not disabled meanwhile, which would take the focus from it. */
export function isBusy(button) {
  return button.getAttribute('aria-disabled') === 'true';
}

export function setBusy(button, busy) {
  if (busy) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}
