import { el } from './dom.js';
import { hasMessage, t } from './i18n.js';

/**
 * The outcome that an answer reports. One without an outcome may come from a proxy that lost the API's answer, or be missing
 * (status 0): only a refusal of the request itself proves that nothing was done.
 */
export function outcomeOf({ status, body }) {
  if (status >= 200 && status < 300) return 'accepted';
  const isRefusal = status >= 400 && status < 500 && status !== 408;
  return body.outcome ?? (isRefusal ? 'not-sent' : 'unknown');
}

/** Whether sending again could duplicate the message. */
export function adviceOn(outcome, push) {
  if (outcome === 'not-sent') return t('advice.not-sent');
  if (outcome === 'unknown') return t('advice.unknown');
  return t(push.endsWith('/more') ? 'advice.refused-more' : 'advice.refused');
}

/** An outcome as a word; the style sheet adds its icon. */
export function outcomeLabel(outcome) {
  return el('span', { class: 'outcome', 'data-outcome': outcome }, () => outcomeName(outcome));
}

export function outcomeName(outcome) {
  return hasMessage(`outcome.${outcome}`) ? t(`outcome.${outcome}`) : outcome;
}
