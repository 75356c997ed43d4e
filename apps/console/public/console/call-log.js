import { announce, byId, el, facts } from './dom.js';
import { adviceOn, outcomeLabel, outcomeName, outcomeOf } from './outcome.js';

/** More are forgotten. */
const MAX_CALLS = 30;

/** The list of what the API answered, newest first. */
export class CallLog {
  #list = byId('calls');

  /** Takes away what the last one came to: the next one is in flight. */
  begin() {
    byId('sent').replaceChildren();
  }

  /** @param {{push: string, to: string, status: number, body: any, ms: number}} call */
  add(call) {
    const outcome = outcomeOf(call);
    this.#list.prepend(entry(call, outcome));
    while (this.#list.children.length > MAX_CALLS) this.#list.lastElementChild.remove();
    this.#list.scrollTop = 0;
    this.#show(true);
    const { code } = call.body;
    byId('sent').replaceChildren(outcomeLabel(outcome), ...(code === undefined ? [] : [' ', el('code', {}, code)]));
    announce(`Push ${call.push}: ${outcomeName(outcome)}${code === undefined ? '' : `, ${code}`}`);
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
    el('span', { class: 'call-to' }, el('code', {}, push), ` to ${to === '' ? 'nobody' : to}`),
    el('span', { class: 'aside' }, status === 0 ? 'no answer' : `HTTP ${status}`),
    el('time', { class: 'aside', datetime: at.toISOString() }, at.toLocaleTimeString('en-GB')),
  );
  return el('li', { class: 'call' }, head, ...(outcome === 'accepted' ? [receipt(call)] : failure(call, outcome)));
}

function receipt({ body, ms }) {
  const ids = body.packetIds ?? [body.packetId];
  return facts({
    packetId: ids.length > 1 ? `${ids[0]} and ${ids.length - 1} more` : ids[0],
    mayBeDuplicate: body.mayBeDuplicate,
    attempts: body.attempts,
    took: `${Math.round(ms)} ms`,
  });
}

function failure({ push, body, ms }, outcome) {
  return [
    el('p', { class: 'call-text' }, `${body.message}. ${adviceOn(outcome, push)}`),
    facts({
      outcome,
      apiCode: body.apiCode,
      retryAfter: body.retryAfterMs === undefined ? undefined : `${body.retryAfterMs} ms`,
      callId: body.callId,
      took: `${Math.round(ms)} ms`,
    }),
  ];
}
