import { stateName } from './broadcast-names.js';
import { isBusy, setBusy } from './busy.js';
import { announce, el, facts, timeOf } from './dom.js';
import { failureList } from './failure-list.js';
import { Gauge } from './gauge.js';
import { setText, t } from './i18n.js';
import { OutcomeBar, shareOf } from './outcome-bar.js';
import { problemOf } from './problem.js';
import { duration, Rate, settledOf } from './rate.js';

const SAMPLE_MS = 1_000;
/** After this long without an event the count has not changed. */
const QUIET_MS = 1_500;

/** The outcome that each count of the API is of. */
const COUNTS = {
  accepted: 'accepted',
  refused: 'refused',
  notSent: 'not-sent',
  unknown: 'unknown',
  invalid: 'invalid',
  duplicates: 'duplicates',
};

/** One broadcast: its progress, rate, estimated end and use of the quota. */
export class BroadcastView {
  #rate = new Rate();
  #gauges = {
    rate: new Gauge(
      () => t('run.rate'),
      () => t('run.per-second'),
    ),
    quota: new Gauge(
      () => t('run.quota'),
      (limit) => (limit === undefined ? t('run.units') : t('run.of', { limit })),
    ),
    queue: new Gauge(
      () => t('run.queue'),
      () => t('run.waiting'),
    ),
  };
  #quota = { usedUnits: 0, queued: 0 };
  #state;
  #shownAt = 0;
  #timer;
  #id = el('code', { class: 'run-id' });
  #status = el('p', { class: 'run-state', tabindex: '-1' });
  #share = el('span', { class: 'progress-share' });
  #done = el('span', {});
  #eta = el('span', {});
  #bar = new OutcomeBar(() => t('run.progress'));
  #counts = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, el('dd', {}, '0')]));
  #times = el('div', {});
  #problem = el('p', { class: 'form-problem', role: 'alert' });
  #failures = el('div', {});
  #failuresShown = '';
  #pause = el('button', { type: 'button', class: 'button' }, () => t('run.pause'));
  #resume = el('button', { type: 'button', class: 'button' }, () => t('run.resume'));
  #cancel = el('button', { type: 'button', class: 'button grave' }, () => t('run.cancel'));
  #resend = el('button', { type: 'button', class: 'button' });
  #download = el('button', { type: 'button', class: 'button quiet' }, () => t('run.failures'));
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

  /** The question to confirm before an action; undefined when the action can be undone. */
  questionOf(action) {
    const { id, total, progress } = this.#state;
    const left = (total - settledOf(progress)).toLocaleString('en');
    if (action === 'cancel') {
      return {
        title: () => t('ask.cancel', { id }),
        text: () => t('ask.cancel.text', { left, total: total.toLocaleString('en') }),
        action: () => t('run.cancel'),
      };
    }
    if (action !== 'resend') return undefined;
    const count = unreached(progress).toLocaleString('en');
    const [refused, notSent] = [progress.refused, progress.notSent].map((number) => number.toLocaleString('en'));
    return {
      title: () => t('ask.resend', { count }),
      text: () => t('ask.resend.text', { refused, notSent }),
      action: () => t('ask.resend.action', { count }),
    };
  }

  /** Shows the state from the API; an event leaves out failures that have not changed. */
  show(news) {
    const before = this.#state;
    const state = { failures: before?.failures ?? [], failuresOmitted: before?.failuresOmitted ?? 0, ...news };
    this.#state = state;
    this.#shownAt = performance.now();
    if (before?.state !== state.state) this.#rate = new Rate();
    this.#rate.add(settledOf(state.progress), this.#shownAt);
    this.#showState(before?.state);
    this.#showProgress();
    this.#showFailures();
    if (before === undefined) this.#sample();
  }

  /** @param {{accounts: object, topics: object}} status the quotas now */
  noteQuota(status) {
    if (this.#state !== undefined) this.#quota = status[this.#state.kind];
  }

  /** The server no longer has it: there is nothing more to show or to do. */
  lose(why) {
    this.#state = { ...this.#state, state: 'lost' };
    this.#showState();
    this.problem(why);
  }

  problem(text) {
    setText(this.#problem, text);
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
        el('p', { class: 'hint' }, () => t('run.gauges')),
      ),
      el(
        'dl',
        { class: 'counts' },
        ...Object.entries(COUNTS).map(([name, outcome]) =>
          el(
            'div',
            {},
            el('dt', {}, () => t(`outcome.${outcome}`)),
            this.#counts[name],
          ),
        ),
      ),
      this.#times,
      el('div', { class: 'actions' }, ...Object.values(this.#buttons)),
      this.#problem,
      this.#failures,
    ];
  }

  /** Once a second, even while nothing happens, so that the rate falls. */
  #sample() {
    if (this.#state === undefined) return;
    const { state, progress } = this.#state;
    const now = performance.now();
    if (now - this.#shownAt > QUIET_MS) this.#rate.add(settledOf(progress), now);
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
    setText(this.#status, () => stateName(state));
    this.#status.dataset.state = state;
    this.problem(error === undefined ? '' : () => problemOf(error));
    const { accepted } = this.#state.progress;
    if (state === 'running') announce(t('run.said.running'));
    else announce(t('run.said', { state: stateName(state), accepted, total: this.#state.total }));
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
    const count = unreached(progress).toLocaleString('en');
    setText(this.#resend, () => t('run.resend', { count }));
    this.#download.hidden = isLost || unreached(progress) + progress.unknown + progress.invalid === 0;
    // Hiding the focused button would lose the focus.
    if (!focused?.hidden) return;
    const left = buttons.find((button) => !button.hidden);
    (left ?? this.#status).focus();
  }

  #showProgress() {
    const { progress, total } = this.#state;
    const settled = settledOf(progress);
    this.#share.textContent = `${Math.floor(shareOf(progress, total) * 100)} %`;
    const figures = { settled: settled.toLocaleString('en'), total: total.toLocaleString('en') };
    setText(this.#done, () => t('run.done', figures));
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
    setText(this.#eta, () => t('run.eta', { time: duration(left) }));
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

/** Recipients that can be sent to again without a duplicate. */
function unreached({ refused, notSent }) {
  return refused + notSent;
}
