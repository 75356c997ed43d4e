import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBytes } from '../body.js';
import { EmulatorRefusal, readBody } from '../request.js';
import type { EmulatedCallback } from './callback-delivery.js';
import type { EmulatorUserMessage } from './user-message.js';

/** Where the emulator takes users' messages from other processes. It is none of MIMC's paths. */
export const USER_MESSAGES = '/emulator/user-messages';

const MAX_BODY_BYTES = 64 * 1024;

const FIELDS = new Set(['from', 'fromResource', 'to', 'topicId', 'members', 'unlimited', 'text', 'bizType']);

/** Plays users' messages: `POST` with an {@link EmulatorUserMessage} as JSON, of text only. */
export class UserMessageRoute {
  constructor(readonly send: (message: EmulatorUserMessage) => readonly EmulatedCallback[]) {}

  /** Whether the request is for this route. */
  takes({ url = '' }: IncomingMessage): boolean {
    return url.split('?', 1)[0] === USER_MESSAGES;
  }

  receive(request: IncomingMessage, response: ServerResponse): void {
    // Writing to a client that is gone is not an error here.
    response.on('error', () => {});
    readBytes(request, MAX_BODY_BYTES, {
      read: (bytes) => {
        const { status, body } = this.#answer(request, bytes);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      },
      aborted: () => {},
    });
  }

  #answer({ method, headers }: IncomingMessage, bytes: Buffer | undefined): { status: number; body: object } {
    if (method !== 'POST') return { status: 405, body: { message: 'only POST is supported' } };
    if (bytes === undefined) return { status: 413, body: { message: `body exceeds ${MAX_BODY_BYTES} bytes` } };
    try {
      const message = readMessage(readBody(headers['content-type'], bytes, bytes.toString()));
      return {
        status: 200,
        body: this.send(message).map(({ msgType, sequence, url }) => ({ msgType, sequence, url })),
      };
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof EmulatorRefusal)) throw error;
      return { status: 400, body: { message: error.message } };
    }
  }
}

function readMessage(body: unknown): EmulatorUserMessage {
  if (typeof body !== 'object' || body === null) throw new TypeError('the message must be an object');
  const stranger = Object.keys(body).find((field) => !FIELDS.has(field));
  if (stranger !== undefined) throw new TypeError(`${JSON.stringify(stranger)} is not a known field`);
  return body as EmulatorUserMessage;
}
