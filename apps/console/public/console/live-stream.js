import { bodyOf } from './answer-body.js';
import { EventStreamParser } from './event-stream.js';

const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 15_000;
/** The server sends something every 15 s; one that stays silent for this long is gone. */
const SILENCE_MS = 40_000;

/**
 * Follows an event stream until `signal` aborts, and reconnects when it breaks off. `EventSource` cannot send the key in a
 * header, so this uses `fetch` and reads the response body. It disconnects while the page is hidden: a browser allows six
 * connections per server, shared by all its tabs.
 *
 * @param {(headers: object, signal: AbortSignal) => Promise<Response>} open asks for the stream
 * @param {{onEvent: Function, onState?: Function, signal: AbortSignal}} options `onState` is called with 'live', 'waiting' and
 *   'over' (a refusal that a retry cannot change); with the latter two also with the body of the server's refusal, if there is one
 */
export async function follow(open, { onEvent, onState = () => {}, signal, page = document }) {
  let lastEventId = '';
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    if (page.hidden) {
      await shown(page, signal);
      continue;
    }
    const connection = new Connection(signal, page);
    let refusal;
    try {
      const response = await open(requestHeaders(lastEventId), connection.signal);
      if (!isStream(response)) {
        refusal = await bodyOf(response);
        if (isFinal(response)) return void onState('over', refusal);
      } else {
        onState('live');
        const parser = new EventStreamParser((event) => signal.aborted || deliver(event, onEvent), lastEventId);
        await connection.read(response.body, (text) => {
          parser.push(text);
          lastEventId = parser.lastEventId;
          waitMs = parser.retryMs ?? FIRST_WAIT_MS;
        });
      }
    } catch {
      // Broken off, or never connected: the same as ended.
    } finally {
      connection.end();
    }
    if (signal.aborted || page.hidden) continue;
    onState('waiting', refusal);
    await pause(waitMs * (0.75 + Math.random() / 2), signal);
    waitMs = Math.min(waitMs * 2, LAST_WAIT_MS);
  }
}

/** An error in one event is reported and does not end the stream. */
function deliver(event, onEvent) {
  try {
    onEvent(event);
  } catch (error) {
    reportError(error);
  }
}

function requestHeaders(lastEventId) {
  return { Accept: 'text/event-stream', ...(lastEventId !== '' && { 'Last-Event-ID': lastEventId }) };
}

/** 204 means do not reconnect; a wrong key or path stays wrong. */
function isFinal({ status }) {
  return [204, 401, 403, 404].includes(status);
}

function isStream(response) {
  return response.ok && (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
}

/** One request; it ends with its stream, when it falls silent, and when the page is hidden. */
class Connection {
  #controller = new AbortController();
  #stop = () => this.#controller.abort();
  #outer;
  #page;
  #timer;

  constructor(outer, page) {
    this.#outer = outer;
    this.#page = page;
    outer.addEventListener('abort', this.#stop);
    page.addEventListener('visibilitychange', this.#stop);
    this.#listen();
  }

  get signal() {
    return this.#controller.signal;
  }

  async read(body, onText) {
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      this.#listen();
      onText(decoder.decode(part.value, { stream: true }));
    }
  }

  end() {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#stop);
    this.#page.removeEventListener('visibilitychange', this.#stop);
    this.#controller.abort();
  }

  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#stop, SILENCE_MS);
  }
}

/** Resolves when the page is visible again, and when the stream is over. */
function shown(page, signal) {
  return new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
    page.addEventListener('visibilitychange', resolve, { once: true });
  });
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
