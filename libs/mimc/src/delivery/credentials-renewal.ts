import { MimcError } from '../errors/mimc-error.js';
import { errorName } from '../errors/visible.js';
import type { AppCredentials, MimcCredentials } from './credentials.js';
import type { PushWatch } from './push-watch.js';

/** After MIMC refused credentials, the function that returns them is not called again for this long, in milliseconds. */
const INTERVAL_MS = 10_000;

/** Looks for other credentials when MIMC refuses those in use: once for all calls, and not too often. */
export class CredentialsRenewal {
  #calledAt = -Infinity;
  #inProgress: Promise<void> | undefined;

  constructor(
    private readonly credentials: MimcCredentials,
    private readonly watch: PushWatch,
  ) {}

  /**
   * MIMC refused `used`.
   *
   * @returns what resolves, and never rejects, once others may be in use; undefined when that is not to be expected
   */
  refused(used: AppCredentials): Promise<void> | undefined {
    if (used !== this.credentials.current) return Promise.resolve();
    if (this.#inProgress !== undefined) return this.#inProgress;
    const now = performance.now();
    if (!this.credentials.canChange || now < this.#calledAt + INTERVAL_MS) {
      this.watch.credentialsRefused();
      return undefined;
    }
    this.#calledAt = now;
    this.#inProgress = this.#renew(used).finally(() => (this.#inProgress = undefined));
    return this.#inProgress;
  }

  async #renew(used: AppCredentials): Promise<void> {
    try {
      await this.credentials.refresh();
      if (this.credentials.current !== used) this.watch.credentialsChanged();
      else this.watch.credentialsRefused(', and the credentials function returned the same ones');
    } catch (error) {
      this.watch.credentialsRefused(`: ${MimcError.is(error) ? error.message : errorName(error)}`);
    }
  }
}
