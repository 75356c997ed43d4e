import { bodyOf } from './answer-body.js';

/** Longer than any push or start of a broadcast takes; an upload takes as long as its file needs. */
const ANSWER_MS = 60_000;

/**
 * Calls the API with a key that is kept here and nowhere else: no storage, no URL, no cookie. {@link close} discards it.
 */
export class Session {
  #key;
  #onRefused;
  #life = new AbortController();

  /** @param {() => void} onRefused called when the API no longer takes the key */
  constructor(key, onRefused) {
    this.#key = key;
    this.#onRefused = onRefused;
  }

  /** Aborts when the session ends. */
  get signal() {
    return this.#life.signal;
  }

  close() {
    this.#key = '';
    this.#life.abort();
  }

  /**
   * @param {{json?: unknown, file?: Blob, type?: string, user?: string}} content `user` is the session of a user, which
   *   takes the place of the key
   * @returns {Promise<{status: number, body: any, ms: number}>} if the server did not answer, status 0 and,
   *   in `local`, the key of one of the page's own messages
   */
  async call(method, path, { json, file, type, user } = {}) {
    const begin = performance.now();
    try {
      const response = await this.#fetch(path, {
        user,
        method,
        body: json === undefined ? file : JSON.stringify(json),
        headers: json === undefined ? typed(type) : typed('application/json'),
        signal: file === undefined ? AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_MS)]) : this.signal,
      });
      const body = await bodyOf(response);
      return { status: response.status, body, ms: performance.now() - begin };
    } catch {
      return { status: 0, body: { local: 'answer.none' }, ms: performance.now() - begin };
    }
  }

  /** Asks for a file. @returns {Promise<{blob?: Blob, problem?: object}>} the problem when there is none */
  async download(path) {
    try {
      const response = await this.#fetch(path, { signal: this.signal });
      return response.ok ? { blob: await response.blob() } : { problem: await bodyOf(response) };
    } catch {
      return { problem: { local: 'answer.incomplete' } };
    }
  }

  /** Asks for an event stream. */
  stream(path, headers, signal) {
    return this.#fetch(path, { headers, signal });
  }

  async #fetch(path, { headers, user, ...options }) {
    const response = await fetch(path, {
      ...options,
      headers: { ...headers, Authorization: `Bearer ${user ?? this.#key}` },
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    });
    if (response.status === 401 && user === undefined && !this.signal.aborted) this.#onRefused();
    return response;
  }
}

function typed(type) {
  return type === undefined ? {} : { 'Content-Type': type };
}
