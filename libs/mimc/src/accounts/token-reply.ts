import {
  type Envelope,
  exactText,
  failedReply,
  isRecord,
  isSuccess,
  isText,
  parseEnvelope,
  parseExactly,
} from '../transport/reply.js';
import type { ReplyReader } from '../transport/reply.js';

/** What MIMC answered to a request for a token. */
export interface TokenAnswer {
  /** The whole answer, as it came. */
  envelope: string;
  token: string;
  userId?: string;
}

/**
 * Judges replies: success is HTTP 2xx, envelope code 200, a token, and the account that was asked for (mimc-api.md §3). One for
 * another account would log the user in as somebody else.
 */
export function tokenReader(appAccount: string): ReplyReader<TokenAnswer> {
  return (reply, redact) => {
    const { status, body } = reply;
    const envelope = body === undefined ? undefined : (parseExactly(body) ?? refusalIn(body));
    const data = isRecord(envelope?.data) ? envelope.data : {};
    const { token } = data;
    const isFor = data['appAccount'] === appAccount;
    if (body !== undefined && envelope?.code === 200 && isSuccess(status) && isText(token) && isFor) {
      const userId = exactText(data['miUserId']);
      return {
        ok: true,
        httpStatus: status,
        answer: { envelope: body, token, ...(userId !== undefined && { userId }) },
      };
    }
    const lacking = isText(token) ? 'without the account that was asked for' : 'without a token';
    return failedReply(reply, withoutSecrets(envelope, body), lacking, redact);
  };
}

/** A refusal need not be read exactly: nothing of it goes to the client. */
function refusalIn(body: string): Envelope | undefined {
  const envelope = parseEnvelope(body);
  return envelope?.code === 200 ? undefined : envelope;
}

/** The message may repeat a token that the answer holds, so it is shown only for a refusal without one. */
function withoutSecrets(envelope: Envelope | undefined, body = ''): Envelope | undefined {
  if (envelope === undefined) return undefined;
  const holdsNone = (envelope.data ?? null) === null && !/token"\s*:/i.test(body);
  return envelope.code !== 200 && holdsNone ? envelope : { code: envelope.code };
}
