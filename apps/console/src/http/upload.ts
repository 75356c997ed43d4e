import { PayloadTooLargeException } from '@nestjs/common';
import type { Request } from 'express';
import type { LineFormat } from '../broadcasts/audience/recipients.js';
import { InvalidBodyException } from '../../../sample-api/src/errors/invalid-body.exception.js';
import { mediaType } from '../../../sample-api/src/http/media-type.js';

const FORMATS: ReadonlyMap<string | undefined, LineFormat> = new Map([
  ['text/plain', 'text'],
  ['application/x-ndjson', 'ndjson'],
]);

/** Whether a request uploads an audience, which its route reads as a stream. */
export function isUpload(request: Request): boolean {
  return request.method === 'POST' && /^\/broadcasts\/?$/i.test(request.path) && uploadFormat(request) !== undefined;
}

/** The format of an upload; undefined when it is not one. A compressed body is not: its size would be unknown. */
export function uploadFormat(request: Request): LineFormat | undefined {
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  return encoding === 'identity' ? FORMATS.get(mediaType(request)) : undefined;
}

/**
 * The bytes of a body, up to a limit. The request is not destroyed with its reader, because the client still needs an answer;
 * Node then skips the rest.
 *
 * @throws PayloadTooLargeException; InvalidBodyException when the client breaks off
 */
export async function* limitedBody(request: Request, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  const tooLarge = () => new PayloadTooLargeException(`The audience must not be larger than ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  let length = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      length += piece.length;
      if (length > maxBytes) throw tooLarge();
      yield piece;
    }
  } catch (error) {
    if (request.errored === null) throw error;
    throw new InvalidBodyException('isReadable', 'The body could not be read completely');
  }
}
