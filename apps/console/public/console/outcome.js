import { el } from './dom.js';

const NAMES = {
  accepted: 'Accepted',
  refused: 'Refused',
  'not-sent': 'Not sent',
  unknown: 'Unknown',
  invalid: 'Invalid',
  cancelled: 'Cancelled',
  expired: 'Expired',
};

/**
 * What an answer says became of what was asked for. One without an outcome may be of a proxy that lost the API's, or of
 * nobody (status 0): only a refusal of the request itself says that nothing was done.
 */
export function outcomeOf({ status, body }) {
  if (status >= 200 && status < 300) return 'accepted';
  const isRefusal = status >= 400 && status < 500 && status !== 408;
  return body.outcome ?? (isRefusal ? 'not-sent' : 'unknown');
}

/** What an outcome means for who thinks of sending again. */
export function adviceOn(outcome, push) {
  if (outcome === 'not-sent') return 'Nothing reached MIMC: sending again cannot duplicate it.';
  if (outcome === 'unknown') return 'It may have been sent: sending again may duplicate it.';
  return push.endsWith('/more')
    ? 'MIMC said no; its documents leave open whether some recipients got it.'
    : 'MIMC said no: sending again cannot duplicate it.';
}

/** An outcome as a word with a sign of its own. */
export function outcomeLabel(outcome) {
  return el('span', { class: 'outcome', 'data-outcome': outcome }, NAMES[outcome] ?? outcome);
}

export function outcomeName(outcome) {
  return NAMES[outcome] ?? outcome;
}
