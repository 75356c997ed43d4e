import type { CallReceipt } from '../delivery/call-progress.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import { tokenCall, type TokenOptions } from './token-request.js';

/** The token of an account. Anyone who holds it can log in as that user: do not log it. */
export interface MimcToken extends Omit<CallReceipt, 'mayBeDuplicate'> {
  /**
   * The text of MIMC's whole answer, unchanged, which the client's SDK expects (docs/mimc-api.md §3): send it as the body of an
   * `application/json` response. Parsing and serializing it could lose digits.
   */
  envelope: string;
  /** The token in it. */
  token: string;
  /** MIMC's own id of the user, exact; absent when the answer has none. */
  userId?: string;
}

/**
 * Issues the tokens with which clients log in to MIMC, so that the app's secret stays on the server. Take the account from
 * the session of the user, never from the request: naming an account would be enough to get its messages.
 *
 * A call that fails rejects with a {@link MimcError}, as a push does. It uses no quota, and is retried whatever the outcome of an
 * attempt, because a second token does no harm. Tokens are never cached.
 *
 * @example
 * const { envelope } = await tokens.issue(session.account);
 */
export class MimcTokenService {
  /** @internal Applications inject the service. */
  constructor(private readonly push: MimcPushService) {}

  /**
   * Asks MIMC for a token: `POST /api/account/token`. MIMC creates the account if it does not exist (docs/mimc-api.md §1.6).
   *
   * @param appAccount the user's account, at most 256 characters
   * @throws MimcError of the codes of a push; `MIMC_BAD_RESPONSE` also for an answer without a token or for another account
   */
  async issue(appAccount: string, options?: TokenOptions): Promise<MimcToken> {
    const issued = await this.push.call('account/token', (id, settings) =>
      tokenCall(id, { appAccount, options }, settings),
    );
    const { answer, callId, attempts, timing } = issued;
    return { ...answer, callId, attempts, timing };
  }
}
