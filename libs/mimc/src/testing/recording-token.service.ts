import { MimcError, type MimcToken, MimcTokenService, type TokenOptions } from '../index.js';
import type { RecordingMimcPushService } from './recording-push.service.js';

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
  readonly #push: RecordingMimcPushService;

  constructor(push: RecordingMimcPushService) {
    super(push);
    this.#push = push;
  }

  /** The next valid call rejects with `error`; called again, the one after it, and so on. */
  failNext(error: MimcError): void {
    this.#failures.push(error);
  }

  /** Forgets the calls and the failures to come. */
  clear(): void {
    this.calls.length = 0;
    this.#failures.length = 0;
  }

  /** A valid call comes to the push service before `issue` returns, so that it is recorded even if nobody awaits it. */
  override issue(appAccount: string, options?: TokenOptions): Promise<MimcToken> {
    const given = { appAccount, ...(options !== undefined && { options: { ...options } }) };
    this.#push.onToken = () => {
      this.calls.push(given);
      return this.#failures.shift();
    };
    try {
      return super.issue(appAccount, options);
    } finally {
      this.#push.onToken = undefined;
    }
  }
}
