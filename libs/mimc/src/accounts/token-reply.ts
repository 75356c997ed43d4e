import { answerReader } from '../transport/answer-reader.js';
import { type Envelope, exactText, isRecord, isText } from '../transport/reply.js';
import type { ReplyReader } from '../transport/reply.js';

/** What MIMC answered to a request for a token. */
export interface TokenAnswer {
  /** The whole answer, as it came. */
  envelope: string;
  token: string;
  userId?: string;
}

/**
 * Judges replies: success holds a token, and the account that was asked for (docs/mimc-api.md §3). One for another account would
 * log the user in as somebody else.
 */
export function tokenReader(appAccount: string): ReplyReader<TokenAnswer> {
  return answerReader<TokenAnswer>((data, envelope) => {
    const { token, appAccount: holder, miUserId } = isRecord(data) ? data : {};
    if (!isText(token)) return { lacking: 'without a token' };
    if (holder !== appAccount) return { lacking: 'without the account that was asked for' };
    const userId = exactText(miUserId);
    return { answer: { envelope, token, ...(userId !== undefined && { userId }) } };
  }, withoutSecrets);
}

/** The message may repeat a token that the answer holds, so it is shown only for a refusal without one. */
function withoutSecrets(envelope: Envelope, body: string): Envelope {
  const holdsNone = (envelope.data ?? null) === null && !/token"\s*:/i.test(body);
  return envelope.code !== 200 && holdsNone ? envelope : { code: envelope.code };
}
