import { el, timeOf } from './dom.js';
import { t } from './i18n.js';
import { outcomeLabel } from './outcome.js';
import { messageOf } from './problem.js';

/** Further ones are only counted. */
const MAX_FAILURES = 20;

/** Which recipients were not accepted and why, collapsed. `omitted` counts recipients that the API does not list. */
export function failureList(failures, omitted) {
  const listed = failures.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return el(
    'details',
    { class: 'failures' },
    el('summary', {}, () => t('run.not-accepted', { count: (listed + omitted).toLocaleString('en') })),
    el('ul', { role: 'list' }, ...failures.slice(0, MAX_FAILURES).map(failureEntry)),
  );
}

function failureEntry({ offset, recipients, code, outcome, message, at }) {
  const [first, ...others] = recipients.map((name) => String(name).slice(0, 60));
  const who = () => (others.length === 0 ? first : t('more.recipients', { first, count: others.length }));
  return el(
    'li',
    {},
    outcomeLabel(outcome),
    ' ',
    ...(code === undefined ? [] : [el('code', {}, code), ' ']),
    () => t('run.failure', { number: offset + 1, who, message: messageOf({ code, message }) }),
    ' ',
    el('time', { class: 'aside', datetime: at }, timeOf(at)),
  );
}
