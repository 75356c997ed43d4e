import { el } from './dom.js';
import { setText, t } from './i18n.js';
import { lineOfEntry } from './lines.js';
import { violationText } from './problem.js';

const CONTROLS = 'input, textarea, select';

/**
 * Shows violations next to their fields and focuses the first of these. Those without a field in the form are shown above
 * its button.
 *
 * @param {{field: string, rule?: string, message?: string, text?: () => string}[]} violations
 * @param {(field: string) => string} nameOf the `data-field` of what the API calls a field
 */
export function showViolations(form, violations, nameOf = rootOf) {
  clearViolations(form);
  const homeless = violations.filter((violation) => !place(form, nameOf(violation.field), violation));
  if (homeless.length > 0) showProblem(form, () => homeless.map(violationText).join('. '));
  focusFirst(form);
}

/** Shows what is wrong with the whole form. */
export function showProblem(form, text) {
  setText(form.querySelector('.form-problem'), text);
}

export function clearViolations(form) {
  showProblem(form, '');
  for (const field of form.querySelectorAll('[data-field]')) clearField(field);
}

/** Clears a field's errors as soon as it changes. */
export function clearOnInput(form) {
  form.addEventListener('input', ({ target }) => {
    const field = target.closest('[data-field]');
    if (field !== null) clearField(field);
  });
}

/** `toAccounts[3]` is of `toAccounts`. */
export function rootOf(field) {
  return field.replace(/\[.*$/, '');
}

/** The line of `control` with the entry that a field as `toAccounts[3]` names, from 1; undefined for any other field. */
function lineOf(field, control) {
  const index = /\[(\d+)\]$/.exec(field)?.[1];
  return index === undefined ? undefined : lineOfEntry(control.value, Number(index));
}

function place(form, name, violation) {
  const field = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (field === null || field.hidden) return false;
  const line = lineOf(violation.field, field.querySelector(CONTROLS));
  const text = () => violationText(violation);
  const list = field.querySelector('.field-error') ?? addList(field);
  list.append(el('li', { 'data-line': line }, line === undefined ? text : () => t('problem.line', { line, text })));
  return true;
}

function addList(field) {
  const control = field.querySelector(CONTROLS);
  const list = el('ul', { class: 'field-error', role: 'list', id: `${control.id}-error` });
  field.append(list);
  control.setAttribute('aria-invalid', 'true');
  describe(control, (ids) => [list.id, ...ids]);
  return list;
}

function clearField(field) {
  const list = field.querySelector('.field-error');
  if (list === null) return;
  list.remove();
  const control = field.querySelector(CONTROLS);
  control.removeAttribute('aria-invalid');
  describe(control, (ids) => ids.filter((id) => id !== list.id));
}

function describe(control, change) {
  const ids = change((control.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean));
  if (ids.length > 0) control.setAttribute('aria-describedby', ids.join(' '));
  else control.removeAttribute('aria-describedby');
}

function focusFirst(form) {
  const control = form.querySelector('[aria-invalid="true"]');
  if (control === null) return;
  const folded = control.closest('details');
  if (folded !== null) folded.open = true;
  control.focus();
  const line = control.closest('[data-field]').querySelector('[data-line]')?.dataset.line;
  if (line !== undefined && control.tagName === 'TEXTAREA') selectLine(control, Number(line));
}

function selectLine(control, line) {
  const before = control.value.split('\n').slice(0, line - 1);
  const begin = before.reduce((sum, text) => sum + text.length + 1, 0);
  const end = control.value.indexOf('\n', begin);
  control.setSelectionRange(begin, end === -1 ? control.value.length : end);
}
