import type { IncomingMessage } from 'node:http';
import { type Fields, parsedFields, parseFields, spoilt } from './callback-fields.js';
import { CallbackRefusal } from './refusal.js';

/** A request as it may look behind body parsers of the application. */
export interface CallbackRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: unknown;
}

/**
 * The fields of a callback, from its body: from the stream, or from what a parser in front of the route has left.
 *
 * @returns undefined when the client went away
 * @throws CallbackRefusal with the status of what is wrong
 */
export async function readFields(request: CallbackRequest, maxBytes: number): Promise<Fields | undefined> {
  checkHeaders(request);
  // One that was read to its end is destroyed too, a moment later.
  if (request.destroyed && !request.readableEnded) return undefined;
  if (!request.readableDidRead) {
    const bytes = await readBytes(request, maxBytes);
    return bytes && parseFields(bytes);
  }
  const { body, rawBody } = request;
  const given = [rawBody, body].find((one) => typeof one === 'string' || one instanceof Uint8Array);
  if (given !== undefined) return parseFields(limited(Buffer.from(given), maxBytes));
  if (body === undefined) throw spoilt('the body was read by the application before');
  return parsedFields(body);
}

/** The content type does not matter: what is not a JSON object is refused as such, and `authentication` says who sent it. */
function checkHeaders({ headers }: IncomingMessage): void {
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) {
    throw new CallbackRefusal(415, 'the body must not be compressed');
  }
}

/** What is too much is read and dropped, so that the client gets the answer. */
function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else chunks = [];
    });
    request.once('end', () => (size <= maxBytes ? resolve(Buffer.concat(chunks)) : reject(tooLarge(maxBytes))));
    request.once('close', () => resolve(undefined));
    // `close` follows; unheard, an error would end the process.
    request.on('error', () => {});
  });
}

function limited(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

function tooLarge(maxBytes: number): CallbackRefusal {
  return new CallbackRefusal(413, `the body must have at most ${maxBytes} bytes`);
}
