import type { IncomingMessage } from 'node:http';

/** What may come of reading a request. Exactly one of the two is called, once. */
export interface BodyReader {
  /** The whole body, or undefined when it was larger than allowed; what was too much was read and dropped. */
  read(bytes: Buffer | undefined): void;
  /** The client went away before the end. */
  aborted(): void;
}

/** Reads a request's body, keeping at most `maxBytes`. */
export function readBytes(request: IncomingMessage, maxBytes: number, reader: BodyReader): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let ended = false;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks = [];
  });
  request.once('end', () => {
    ended = true;
    reader.read(size <= maxBytes ? Buffer.concat(chunks, size) : undefined);
  });
  request.once('close', () => {
    if (!ended) reader.aborted();
  });
  // A broken upload is reported by `close`; unheard, its `error` would end the process.
  request.on('error', () => {});
}
