import { byId, el } from './dom.js';
import { clearViolations, showProblem } from './field-errors.js';

/** Switches the emulator's faults on and off, and says which is on. */
export class FaultForm {
  #form = byId('fault-form');
  #select = byId('fault');
  #getSession;
  #presets = [];
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

  /** @param {{id: string, label: string, effect: string}[] | undefined} presets undefined where there is no emulator */
  offer(presets) {
    byId('faults').hidden = presets === undefined;
    this.#presets = presets ?? [];
    this.#select.replaceChildren(...this.#presets.map(({ id, label }) => el('option', { value: id }, label)));
    this.#describe();
  }

  /**
   * @param {{id: string, left: number | null} | null} fault the one that is on
   * @param {object} [quotas] `accounts` and `topics`, which may rest until a penalty ends; without them as before
   */
  show(fault, quotas = this.#quotas) {
    this.#quotas = quotas;
    const penalties = penaltiesIn(quotas);
    // Apart from the live region, which would say each second.
    byId('penalty').textContent = penalties.join(' ');
    const now = byId('fault-now');
    const normal = penalties.length === 0 ? 'Answers as MIMC does.' : 'No fault, but a penalty still rests.';
    const text = fault === null ? normal : `${this.#labelOf(fault.id)}, ${howLong(fault.left)}.`;
    // It is a live region: what has not changed is not said again.
    if (now.textContent !== text) now.textContent = text;
    now.classList.toggle('on', text !== 'Answers as MIMC does.');
    const off = byId('fault-off');
    // A button that goes would take the focus with it.
    if (fault === null && off === document.activeElement) this.#select.focus();
    off.hidden = fault === null;
  }

  async #ask(method, content) {
    clearViolations(this.#form);
    const session = this.#getSession();
    const { status, body } = await session.call(method, '/console/fault', content);
    if (session.signal.aborted) return;
    if (status === 200) this.show(body.fault);
    else showProblem(this.#form, body.message);
  }

  #describe() {
    byId('fault-effect').textContent = this.#presets.find(({ id }) => id === this.#select.value)?.effect ?? '';
  }

  #labelOf(id) {
    return this.#presets.find((preset) => preset.id === id)?.label ?? id;
  }
}

function penaltiesIn(quotas) {
  const resting = Object.entries({ accounts: quotas.accounts, groups: quotas.topics });
  return resting
    .filter(([, quota]) => quota?.resumesInMs > 0)
    .map(([whom, { resumesInMs }]) => `No pushes to ${whom} for another ${Math.ceil(resumesInMs / 1_000)} s.`);
}

function howLong(left) {
  if (left === null) return 'until switched off';
  return left === 1 ? 'for the next request' : `for the next ${left} requests`;
}
