/** An event of a stream. */
export interface StreamEvent {
  type: string;
  id?: string;
  data: unknown;
}

/** Reads an event stream as its events come. */
export class EventReader {
  readonly #body: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #abort: AbortController;
  #events: StreamEvent[] = [];
  #rest = '';

  private constructor(
    readonly response: Response,
    abort: AbortController,
  ) {
    if (response.body === null) throw new Error('No stream');
    this.#body = response.body.getReader();
    this.#abort = abort;
  }

  static async open(url: string, headers: Record<string, string>): Promise<EventReader> {
    const abort = new AbortController();
    return new EventReader(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  /** The next event of a type; those before it are passed over. Undefined at the end of the stream. */
  async next(type: string): Promise<StreamEvent | undefined> {
    for (;;) {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        if (event.type === type) return event;
      }
      const { done, value } = await this.#body.read();
      if (done) return undefined;
      this.#take(this.#decoder.decode(value, { stream: true }));
    }
  }

  /** Hangs up. */
  close(): void {
    this.#abort.abort();
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line) ?? []);
      const fields = new Map(lines.map(([, name = '', value = '']) => [name, value]));
      const [data, id] = [fields.get('data'), fields.get('id')];
      if (data === undefined) continue;
      this.#events.push({ type: fields.get('event') ?? '', ...(id && { id }), data: JSON.parse(data) });
    }
  }
}
