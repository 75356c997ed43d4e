import { STATES } from './broadcast-names.js';
import { isBusy, setBusy } from './busy.js';
import { announce, el, facts, timeOf } from './dom.js';
import { failureList } from './failure-list.js';
import { Gauge } from './gauge.js';
import { OutcomeBar, shareOf } from './outcome-bar.js';
import { duration, Rate, settledOf } from './rate.js';

const SAMPLE_MS = 1_000;
/** A server that has told nothing for so long has nothing to tell: the count stands still. */
const QUIET_MS = 1_500;

const COUNTS = {
  accepted: 'Accepted',
  refused: 'Refused',
  notSent: 'Not sent',
  unknown: 'Unknown',
  invalid: 'Invalid',
  duplicates: 'Duplicates',
};

/** One broadcast as it goes: how far, how fast, until when, and what it takes of the quota. */
export class BroadcastView {
  #rate = new Rate();
  #gauges = {
    rate: new Gauge('Rate', () => 'per s'),
    quota: new Gauge('Quota used', (limit) => (limit === undefined ? 'units' : `of ${limit}`)),
    queue: new Gauge('Queue', () => 'waiting'),
  };
  #quota = { usedUnits: 0, queued: 0 };
  #state;
  #toldAt = 0;
  #timer;
  #id = el('code', { class: 'run-id' });
  #status = el('p', { class: 'run-state', tabindex: '-1' });
  #share = el('span', { class: 'progress-share' });
  #done = el('span', {});
  #eta = el('span', {});
  #bar = new OutcomeBar('Progress of the broadcast');
  #counts = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, el('dd', {}, '0')]));
  #times = el('div', {});
  #problem = el('p', { class: 'form-problem', role: 'alert' });
  #failures = el('div', {});
  #failuresShown = '';
  #pause = el('button', { type: 'button', class: 'button' }, 'Pause');
  #resume = el('button', { type: 'button', class: 'button' }, 'Resume');
  #cancel = el('button', { type: 'button', class: 'button grave' }, 'Cancel broadcast');
  #resend = el('button', { type: 'button', class: 'button' });
  #download = el('button', { type: 'button', class: 'button quiet' }, 'Download failures');
  #buttons = {
    pause: this.#pause,
    resume: this.#resume,
    cancel: this.#cancel,
    resend: this.#resend,
    failures: this.#download,
  };

  /** @param {(action: 'pause' | 'resume' | 'cancel' | 'resend' | 'failures') => Promise<void>} onAction */
  constructor(root, onAction) {
    for (const [action, button] of Object.entries(this.#buttons)) {
      button.addEventListener('click', () => this.#act(button, () => onAction(action)));
    }
    root.replaceChildren(...this.#build());
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get isRunning() {
    return this.#state?.state === 'running';
  }

  /** What is to be asked before an action; undefined when it can be taken back. */
  questionOf(action) {
    const { id, total, progress } = this.#state;
    const left = (total - settledOf(progress)).toLocaleString('en');
    if (action === 'cancel') {
      return {
        title: `Cancel ${id}?`,
        text: `${left} of ${total.toLocaleString('en')} recipients have not been sent to, and will not be.`,
        action: 'Cancel broadcast',
      };
    }
    if (action !== 'resend') return undefined;
    const count = unreached(progress).toLocaleString('en');
    return {
      title: `Send again to ${count}?`,
      text: `${progress.refused.toLocaleString('en')} were refused and ${progress.notSent.toLocaleString('en')} not sent to.`,
      action: `Send again to ${count}`,
    };
  }

  /** Shows the state that the API told; an event says nothing of failures when they are as before. */
  show(told) {
    const before = this.#state;
    const state = { failures: before?.failures ?? [], failuresOmitted: before?.failuresOmitted ?? 0, ...told };
    this.#state = state;
    this.#toldAt = performance.now();
    if (before?.state !== state.state) this.#rate = new Rate();
    this.#rate.add(settledOf(state.progress), this.#toldAt);
    this.#showState(before?.state);
    this.#showProgress();
    this.#showFailures();
    if (before === undefined) this.#sample();
  }

  /** @param {{accounts: object, topics: object}} status the quotas now */
  noteQuota(status) {
    if (this.#state !== undefined) this.#quota = status[this.#state.kind];
  }

  /** There is nothing more to be heard of it, nor to be done with it. */
  lose(why) {
    this.#state = { ...this.#state, state: 'lost' };
    this.#showState();
    this.problem(why);
  }

  problem(text) {
    this.#problem.textContent = text;
  }

  close() {
    clearInterval(this.#timer);
  }

  #build() {
    return [
      el('div', { class: 'run-head' }, this.#status, this.#id),
      el(
        'div',
        { class: 'progress-line' },
        el('div', { class: 'progress-figures' }, this.#share, this.#done, this.#eta),
        this.#bar.element,
      ),
      el(
        'div',
        {},
        el('div', { class: 'gauges' }, ...Object.values(this.#gauges).map(({ element }) => element)),
        el('p', { class: 'hint' }, 'Over the last minute at most; dashed is the quota of a second.'),
      ),
      el(
        'dl',
        { class: 'counts' },
        ...Object.entries(COUNTS).map(([name, label]) => el('div', {}, el('dt', {}, label), this.#counts[name])),
      ),
      this.#times,
      el('div', { class: 'actions' }, ...Object.values(this.#buttons)),
      this.#problem,
      this.#failures,
    ];
  }

  /** Once a second, also while nothing happens: then the rate falls. */
  #sample() {
    if (this.#state === undefined) return;
    const { state, progress } = this.#state;
    const now = performance.now();
    if (now - this.#toldAt > QUIET_MS) this.#rate.add(settledOf(progress), now);
    const { usedUnits, queued, unitsPerSecond } = this.#quota;
    this.#gauges.rate.add(state === 'running' ? this.#rate.perSecond : 0, unitsPerSecond);
    this.#gauges.quota.add(usedUnits, unitsPerSecond);
    this.#gauges.queue.add(queued);
    this.#showEta();
  }

  #showState(before) {
    const { id, state, error } = this.#state;
    this.#id.textContent = id;
    this.#showActions();
    if (before === state) return;
    this.#status.textContent = STATES[state];
    this.#status.dataset.state = state;
    this.problem(error?.message ?? '');
    const { accepted } = this.#state.progress;
    announce(
      `Broadcast ${STATES[state].toLowerCase()}${state === 'running' ? '' : `: ${accepted} of ${this.#state.total} accepted`}`,
    );
  }

  #showActions() {
    const { state, finishedAt, progress } = this.#state;
    const buttons = Object.values(this.#buttons);
    const focused = buttons.find((button) => button === document.activeElement);
    const isLost = state === 'lost';
    const isOver = finishedAt !== undefined;
    this.#pause.hidden = state !== 'running' && state !== 'scheduled';
    this.#resume.hidden = state !== 'paused';
    this.#cancel.hidden = isLost || isOver || state === 'cancelled' || state === 'expired';
    this.#resend.hidden = isLost || !isOver || unreached(progress) === 0;
    this.#resend.textContent = `Send again to ${unreached(progress).toLocaleString('en')} refused or not sent`;
    this.#download.hidden = isLost || unreached(progress) + progress.unknown + progress.invalid === 0;
    // A button that goes would take the focus with it.
    if (!focused?.hidden) return;
    const left = buttons.find((button) => !button.hidden);
    (left ?? this.#status).focus();
  }

  #showProgress() {
    const { progress, total } = this.#state;
    const settled = settledOf(progress);
    this.#share.textContent = `${Math.floor(shareOf(progress, total) * 100)} %`;
    this.#done.textContent = `${settled.toLocaleString('en')} of ${total.toLocaleString('en')}`;
    this.#bar.show(progress, total);
    this.#showTimes();
    this.#showEta();
    for (const [name, place] of Object.entries(this.#counts)) place.textContent = progress[name].toLocaleString('en');
  }

  #showTimes() {
    const { createdAt, startAt, finishedAt } = this.#state;
    const times = { created: timeOf(createdAt), begins: timeOf(startAt), ended: timeOf(finishedAt) };
    this.#times.replaceChildren(facts(times));
  }

  #showEta() {
    const { state, progress, total } = this.#state;
    const left = (total - settledOf(progress)) / this.#rate.perSecond;
    this.#eta.textContent = `ETA ${duration(left)}`;
    this.#eta.hidden = state !== 'running';
  }

  #showFailures() {
    const { failures, failuresOmitted } = this.#state;
    const shown = JSON.stringify([failures, failuresOmitted]);
    if (shown === this.#failuresShown) return;
    this.#failuresShown = shown;
    const wasOpen = this.#failures.querySelector('details')?.open ?? false;
    this.#failures.replaceChildren(...(failures.length === 0 ? [] : [failureList(failures, failuresOmitted)]));
    const list = this.#failures.querySelector('details');
    if (list !== null) list.open = wasOpen;
  }

  async #act(button, action) {
    if (isBusy(button)) return;
    setBusy(button, true);
    this.problem('');
    await action();
    setBusy(button, false);
  }
}

/** Recipients who can be sent to again without a duplicate. */
function unreached({ refused, notSent }) {
  return refused + notSent;
}
