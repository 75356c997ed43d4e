import { el, timeOf } from './dom.js';
import { outcomeLabel } from './outcome.js';

/** More are only counted. */
const MAX_FAILURES = 20;

/** Who was not accepted and why, folded away. `omitted` recipients are in no failure that the API lists. */
export function failureList(failures, omitted) {
  const listed = failures.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return el(
    'details',
    { class: 'failures' },
    el('summary', {}, `Not accepted: ${(listed + omitted).toLocaleString('en')}`),
    el('ul', { role: 'list' }, ...failures.slice(0, MAX_FAILURES).map(failureEntry)),
  );
}

function failureEntry({ offset, recipients, code, outcome, message, at }) {
  const [first, ...others] = recipients;
  return el(
    'li',
    {},
    outcomeLabel(outcome),
    ' ',
    ...(code === undefined ? [] : [el('code', {}, code), ' ']),
    `from recipient ${offset + 1}, ${first}${others.length === 0 ? '' : ` and ${others.length} more`}: ${message} `,
    el('time', { class: 'aside', datetime: at }, timeOf(at)),
  );
}
