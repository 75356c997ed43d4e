import { clearTimeout, setTimeout } from 'node:timers';
import { type MimcError, notSent } from '../errors/mimc-error.js';
import { errorName } from '../errors/visible.js';
import type { MimcAppSecrets } from '../transport/app-credentials.js';
import { check } from '../validation/check.js';
import { IsClean } from '../validation/clean-text.js';
import { IsNotEmpty, IsString } from '../validation/rules.js';
import { optionsError, refuseOptions } from '../validation/violations.js';

/** How long the function `credentials` has to answer, in milliseconds. */
const ANSWER_MS = 10_000;

class SecretsRules implements MimcAppSecrets {
  @IsClean() @IsNotEmpty() @IsString() appKey!: string;
  @IsClean() @IsNotEmpty() @IsString() appSecret!: string;
}

/** The function that an application gives as `credentials`. It is foreign code, and nothing that it says is shown. */
export class CredentialsSource {
  readonly #ask: () => unknown;
  #isClosed = false;
  /** Ends the call of the function that is in progress. */
  #give: ((error: MimcError) => void) | undefined;

  constructor(ask: () => unknown) {
    this.#ask = ask;
  }

  /**
   * Calls the function, one call at a time, and checks its answer. An answer that comes too late is ignored.
   *
   * @throws MimcError `MIMC_CONFIG` when it throws, takes too long or returns anything else than credentials; `MIMC_CLOSED`
   * when the module closes meanwhile
   */
  async ask(): Promise<MimcAppSecrets> {
    const answer = await this.#answer();
    if (typeof answer !== 'object' || answer === null) throw failed('must return an object with appKey and appSecret');
    const { value, violations } = check(SecretsRules, onlySecretsOf(answer), 'credentials');
    refuseOptions('MimcModule', violations);
    return value ?? { appKey: '', appSecret: '' };
  }

  /** Ends a call of the function that is in progress, and refuses others. */
  close(): void {
    this.#isClosed = true;
    this.#give?.(closed());
  }

  async #answer(): Promise<unknown> {
    if (this.#isClosed) throw closed();
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      this.#give = reject;
      timer = setTimeout(() => reject(failed(`did not answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    try {
      return await Promise.race([this.#call(), ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(): Promise<unknown> {
    try {
      return await this.#ask();
    } catch (error) {
      throw failed(`failed (${errorName(error)})`);
    }
  }
}

/** What a vault returns may hold more; each of the two is read once, by the check. */
function onlySecretsOf(answer: { appKey?: unknown; appSecret?: unknown }): object {
  return {
    get appKey() {
      return answer.appKey;
    },
    get appSecret() {
      return answer.appSecret;
    },
  };
}

function failed(how: string): MimcError {
  return optionsError('MimcModule', [{ field: 'credentials', rule: 'isAnswered', message: `credentials ${how}` }]);
}

function closed(): MimcError {
  return notSent('MIMC_CLOSED', 'The application is shutting down');
}
