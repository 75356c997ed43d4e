import type { ReplyReader } from './reply.js';
import { type Envelope, failedReply, isSuccess, parseEnvelope, parseExactly } from './reply.js';

/** What a call asked for, or what an answer that says success lacks, as its error says behind "success". */
export type Answer<T> = { answer: T } | { lacking: string };

/** What a failure may show of an answer. */
export type Showing = (envelope: Envelope, body: string) => Envelope;

/**
 * Reads the answers of calls that are not pushes, with every digit of their ids. Success is HTTP 2xx, envelope code 200, and
 * what the call asked for.
 *
 * @param answerOf finds it in the envelope's `data`; `body` is the whole answer as it came
 */
export function answerReader<T>(
  answerOf: (data: unknown, body: string) => Answer<T>,
  showing: Showing = (envelope) => envelope,
): ReplyReader<T> {
  return (reply, redact) => {
    const { status, body = '' } = reply;
    const envelope = parseExactly(body) ?? refusalIn(body);
    if (envelope === undefined) return failedReply(reply, undefined, '', redact);
    const found = answerOf(envelope.data, body);
    if (envelope.code === 200 && isSuccess(status) && 'answer' in found) {
      return { ok: true, httpStatus: status, answer: found.answer };
    }
    return failedReply(reply, showing(envelope, body), 'lacking' in found ? found.lacking : '', redact);
  };
}

/** A refusal need not be read exactly: nothing of its data is used. */
function refusalIn(body: string): Envelope | undefined {
  const envelope = parseEnvelope(body);
  return envelope?.code === 200 ? undefined : envelope;
}
