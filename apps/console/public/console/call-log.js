import { announce, byId, clamped, el, facts } from './dom.js';
import { t } from './i18n.js';
import { adviceOn, outcomeLabel, outcomeName, outcomeOf } from './outcome.js';
import { messageOf } from './problem.js';

/** More are forgotten. */
const MAX_CALLS = 30;

/** The outcomes of pushes, newest first. */
export class CallLog {
  #list = byId('calls');

  /** Clears the outcome of the last push: the next one is in flight. */
  begin() {
    byId('sent').replaceChildren();
  }

  /** @param {{push: string, to: string[], status: number, body: any, ms: number}} call */
  add(call) {
    const outcome = outcomeOf(call);
    this.#list.prepend(entry(call, outcome));
    while (this.#list.children.length > MAX_CALLS) this.#list.lastElementChild.remove();
    this.#list.scrollTop = 0;
    this.#show(true);
    const { code } = call.body;
    byId('sent').replaceChildren(outcomeLabel(outcome), ...(code === undefined ? [] : [' ', el('code', {}, code)]));
    announce(
      t(code === undefined ? 'push.said' : 'push.said-code', { push: call.push, outcome: outcomeName(outcome), code }),
    );
  }

  clear() {
    this.#list.replaceChildren();
    byId('sent').replaceChildren();
    this.#show(false);
  }

  #show(hasCalls) {
    this.#list.hidden = !hasCalls;
    byId('calls-empty').hidden = hasCalls;
  }
}

function entry(call, outcome) {
  const { push, to, status, body } = call;
  const at = new Date();
  const head = el(
    'div',
    { class: 'call-head' },
    outcomeLabel(outcome),
    ...(body.code === undefined ? [] : [el('code', { class: 'call-code' }, body.code)]),
    clamped('span', 'call-to', () => t('calls.to', { push, to: whom(to) })),
    el('span', { class: 'aside' }, status === 0 ? () => t('calls.no-answer') : `HTTP ${status}`),
    el('time', { class: 'aside', datetime: at.toISOString() }, at.toLocaleTimeString('en-GB')),
  );
  return el('li', { class: 'call' }, head, ...(outcome === 'accepted' ? [receipt(call)] : failure(call, outcome)));
}

function whom([first = '', ...others]) {
  if (first === '') return t('calls.nobody');
  return others.length === 0 ? first : t('more.recipients', { first, count: others.length });
}

function receipt({ body, ms }) {
  const [first, ...others] = body.packetIds ?? [body.packetId];
  return facts({
    packetId: others.length === 0 ? first : () => t('more.recipients', { first, count: others.length }),
    mayBeDuplicate: body.mayBeDuplicate,
    attempts: body.attempts,
    took: `${Math.round(ms)} ms`,
  });
}

function failure({ push, body, ms }, outcome) {
  return [
    el('p', { class: 'call-text' }, () =>
      t('calls.failure', { message: messageOf(body), advice: adviceOn(outcome, push) }),
    ),
    facts({
      outcome,
      apiCode: body.apiCode,
      retryAfter: body.retryAfterMs === undefined ? undefined : `${body.retryAfterMs} ms`,
      callId: body.callId,
      took: `${Math.round(ms)} ms`,
    }),
  ];
}
