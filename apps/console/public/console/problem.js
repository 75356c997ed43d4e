import { hasMessage, t } from './i18n.js';

/** What the API's error says, explained in the page's language where the page knows its code or status. */
export function messageOf({ local, code, statusCode, message }) {
  if (local !== undefined) return t(local);
  const key = code === undefined ? `status.${statusCode}` : `code.${code}`;
  return hasMessage(key) ? t(key, { message }) : message;
}

/** As {@link messageOf}, with the error's code, for where nothing else shows it. */
export function problemOf(body) {
  return body.code === undefined ? messageOf(body) : t('problem.code', { text: messageOf(body), code: body.code });
}

/**
 * What is wrong with a field, in words for people where the page has them for the rule.
 *
 * @param {{field: string, rule?: string, message?: string, text?: () => string}} violation of the API, or with `text` of
 *   the page
 */
export function violationText({ field, rule, message, text }) {
  if (text !== undefined) return text();
  const key = [`rule.${rule}.${field}`, `rule.${rule}`].find(hasMessage);
  // The field's name may hold a number, too.
  return key === undefined ? message : t(key, { limit: /\d+/.exec(message.replace(field, ''))?.[0] });
}
