import { el } from './dom.js';

const NAMES = { accepted: 'Accepted', refused: 'Refused', 'not-sent': 'Not sent', unknown: 'Unknown' };

/** What an outcome means for who thinks of sending again. */
export const ADVICE = {
  refused: 'MIMC said no.',
  'not-sent': 'Nothing reached MIMC: sending again cannot duplicate it.',
  unknown: 'It may have been sent: sending again may duplicate it.',
};

/** An outcome as a word with a sign of its own. */
export function outcomeLabel(outcome) {
  return el('span', { class: 'outcome', 'data-outcome': outcome }, NAMES[outcome] ?? outcome);
}

export function outcomeName(outcome) {
  return NAMES[outcome] ?? outcome;
}
