import { MimcError, type MimcToken, MimcTokenService, type TokenOptions } from '../index.js';

/** A token that the application under test asked for. */
export interface RecordedToken {
  appAccount: string;
  options?: TokenOptions;
}

/**
 * A {@link MimcTokenService} that asks nobody: it validates as the real one does, refuses what is aborted already or comes after
 * the shutdown, records all other calls, and answers with a token made up for the account (`recorded-token:alice`), or with
 * the error that a test asked for. It is made on a {@link RecordingMimcPushService}, which does not record tokens as pushes.
 *
 * @example
 * const tokens: RecordingMimcTokenService = module.get(MimcTokenService);
 * tokens.calls[0]?.appAccount; // 'alice'
 */
export class RecordingMimcTokenService extends MimcTokenService {
  /** The valid calls so far, in their order. */
  readonly calls: RecordedToken[] = [];
  readonly #failures: MimcError[] = [];

  /** The next valid call rejects with `error`; called again, the one after it, and so on. */
  failNext(error: MimcError): void {
    this.#failures.push(error);
  }

  /** Forgets the calls and the failures to come. */
  clear(): void {
    this.calls.length = 0;
    this.#failures.length = 0;
  }

  override async issue(appAccount: string, options?: TokenOptions): Promise<MimcToken> {
    const given = { appAccount, ...(options !== undefined && { options: { ...options } }) };
    const issued = await super.issue(appAccount, options);
    this.calls.push(given);
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    return issued;
  }
}
