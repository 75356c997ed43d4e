import { type MimcError, type MimcToken, MimcTokenService, type TokenOptions } from '../index.js';
import { CallRecorder } from './call-recorder.js';
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
  readonly #recorder: CallRecorder<RecordedToken>;

  constructor(push: RecordingMimcPushService) {
    super(push);
    this.#recorder = new CallRecorder(push);
  }

  /** The valid calls so far, in their order. */
  get calls(): readonly RecordedToken[] {
    return this.#recorder.calls;
  }

  /** The next valid call rejects with `error`; called again, the one after it, and so on. */
  failNext(error: MimcError): void {
    this.#recorder.failNext(error);
  }

  /** Forgets the calls and the failures to come. */
  clear(): void {
    this.#recorder.clear();
  }

  override issue(appAccount: string, options?: TokenOptions): Promise<MimcToken> {
    const recorded = () => ({ appAccount, ...(options !== undefined && { options: { ...options } }) });
    return this.#recorder.record(recorded, () => super.issue(appAccount, options));
  }
}
