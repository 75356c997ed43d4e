import { answerReader } from '../transport/answer-reader.js';
import { type Envelope, exactText, isRecord, isText } from '../transport/reply.js';
import type { ReplyReader } from '../transport/reply.js';

/** MIMC's answer to a request for a token. */
export interface TokenAnswer {
  /** The whole answer, as it came. */
  envelope: string;
  token: string;
  userId?: string;
}

/**
 * Judges replies: a success contains a token and the requested account (docs/mimc-api.md §3). A token for another account would
 * log the user in as somebody else.
 */
export function tokenReader(appAccount: string): ReplyReader<TokenAnswer> {
  return answerReader<TokenAnswer>((data, envelope) => {
    const { token, appAccount: holder, miUserId } = isRecord(data) ? data : {};
    if (!isText(token)) return { lacking: 'without a token' };
    if (holder !== appAccount) return { lacking: 'without the requested account' };
    const userId = exactText(miUserId);
    return { answer: { envelope, token, ...(userId !== undefined && { userId }) } };
  }, withoutSecrets);
}

/** The message may repeat a token from the answer, so it is shown only for a refusal without one. */
function withoutSecrets(envelope: Envelope, body: string): Envelope {
  const holdsNone = (envelope.data ?? null) === null && !/token"\s*:/i.test(body);
  return envelope.code !== 200 && holdsNone ? envelope : { code: envelope.code };
}
