/**
 * Reads `text/event-stream` as the HTML standard has it (§9.2.6): lines that end in CRLF, LF or CR, data over several
 * lines, ids that stay until the next one, comments, and a last event without its blank line that is dropped.
 */
export class EventStreamParser {
  #onEvent;
  #rest = '';
  #skipLineFeed = false;
  #data = [];
  #type = '';
  #id;

  /** The last id that an event came with; what to send as `Last-Event-ID`. */
  lastEventId;
  /** How long to wait before coming back, in milliseconds, when the server has said so. */
  retryMs;

  /** @param {(event: {type: string, data: string, id: string}) => void} onEvent */
  constructor(onEvent, lastEventId = '') {
    this.#onEvent = onEvent;
    this.#id = lastEventId;
    this.lastEventId = lastEventId;
  }

  /** @param {string} text the next piece, cut anywhere; without the byte order mark, which `TextDecoder` takes away */
  push(text) {
    let piece = text;
    // The other half of a CRLF that was cut in two.
    if (this.#skipLineFeed && piece !== '') {
      if (piece.startsWith('\n')) piece = piece.slice(1);
      this.#skipLineFeed = false;
    }
    if (piece.endsWith('\r')) this.#skipLineFeed = true;
    const lines = (this.#rest + piece).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') this.#dispatch();
    else if (!line.startsWith(':')) this.#field(...splitField(line));
  }

  #field(name, value) {
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch() {
    this.lastEventId = this.#id;
    const [data, type] = [this.#data, this.#type];
    this.#data = [];
    this.#type = '';
    if (data.length > 0 && data.join('\n') !== '') {
      this.#onEvent({ type: type || 'message', data: data.join('\n'), id: this.lastEventId });
    }
  }
}

/** A line without a colon is a name without a value; one space after the colon belongs to neither. */
function splitField(line) {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
