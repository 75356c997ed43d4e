import { byId, el } from './dom.js';
import { clearViolations, showProblem } from './field-errors.js';

/** Switches the emulator's faults on and off, and says which is on. */
export class FaultForm {
  #form = byId('fault-form');
  #select = byId('fault');
  #getSession;
  #presets = [];

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

  /** @param {{id: string, left: number | null} | null} fault the one that is on */
  show(fault) {
    const now = byId('fault-now');
    const text = fault === null ? 'Answers as MIMC does.' : `${this.#labelOf(fault.id)}, ${howLong(fault.left)}.`;
    // It is a live region: what has not changed is not said again.
    if (now.textContent !== text) now.textContent = text;
    now.classList.toggle('on', fault !== null);
    byId('fault-off').hidden = fault === null;
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

function howLong(left) {
  if (left === null) return 'until switched off';
  return left === 1 ? 'for the next request' : `for the next ${left} requests`;
}
