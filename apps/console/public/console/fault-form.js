import { byId, el } from './dom.js';
import { clearViolations, showProblem } from './field-errors.js';
import { plural, setText, t } from './i18n.js';
import { problemOf } from './problem.js';

/** Switches the emulator's faults on and off, and shows which is active. */
export class FaultForm {
  #form = byId('fault-form');
  #select = byId('fault');
  #getSession;
  #quotas = {};

  constructor(getSession) {
    this.#getSession = getSession;
    this.#select.addEventListener('change', () => this.#describe());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const times = byId('fault-times').value;
      void this.#ask('PUT', { json: { fault: this.#select.value, ...(times && { times: Number(times) }) } });
    });
    byId('fault-off').addEventListener('click', () => {
      byId('fault').focus();
      void this.#ask('DELETE');
    });
  }

  /** @param {string[]} [ids] undefined when the server talks to MIMC */
  offer(ids = []) {
    byId('faults').hidden = ids.length === 0;
    this.#select.replaceChildren(...ids.map((id) => el('option', { value: id }, () => t(`fault.${id}`))));
    this.#describe();
  }

  /**
   * @param {{id: string, left: number | null} | null} fault the active one
   * @param {object} [quotas] `accounts` and `topics`, which may be paused by a penalty; without them as before
   */
  show(fault, quotas = this.#quotas) {
    this.#quotas = quotas;
    const penalties = penaltiesIn(quotas);
    // Apart from the live region, which would announce each second.
    setText(byId('penalty'), () => penalties.map((penalty) => penalty()).join(' '));
    const now = byId('fault-now');
    const text = () => stateOf(fault, penalties.length > 0);
    // A live region: an unchanged text is not announced again.
    if (now.textContent !== text()) setText(now, text);
    now.classList.toggle('on', fault !== null || penalties.length > 0);
    const off = byId('fault-off');
    // Hiding the focused button would lose the focus.
    if (fault === null && off === document.activeElement) this.#select.focus();
    off.hidden = fault === null;
  }

  async #ask(method, content) {
    clearViolations(this.#form);
    const session = this.#getSession();
    const { status, body } = await session.call(method, '/console/fault', content);
    if (session.signal.aborted) return;
    if (status === 200) this.show(body.fault);
    else showProblem(this.#form, () => problemOf(body));
  }

  #describe() {
    const id = this.#select.value;
    setText(byId('fault-effect'), id === '' ? '' : () => t(`fault.${id}.effect`));
  }
}

function penaltiesIn(quotas) {
  return ['accounts', 'topics']
    .filter((kind) => quotas[kind]?.resumesInMs > 0)
    .map((kind) => {
      const seconds = Math.ceil(quotas[kind].resumesInMs / 1_000);
      return () => t(`fault.paused.${kind}`, { seconds });
    });
}

function stateOf(fault, isPaused) {
  if (fault === null) return t(isPaused ? 'fault.penalty' : 'fault.none');
  const times = fault.left === null ? t('fault.until-off') : plural('fault.next', fault.left);
  return t('fault.active', { fault: t(`fault.${fault.id}`), times });
}
