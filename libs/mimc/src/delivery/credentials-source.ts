import type { MimcError } from '../errors/mimc-error.js';
import { check } from '../validation/check.js';
import { IsClean } from '../validation/clean-text.js';
import { IsNotEmpty, IsString } from '../validation/rules.js';
import { optionsError, refuseOptions } from '../validation/violations.js';
import { foreignAnswer } from './foreign-answer.js';

/** The two secrets of a MIMC application. */
export interface MimcAppSecrets {
  /** The application's key, as the console shows it. */
  appKey: string;
  /** The application's secret, as the console shows it. */
  appSecret: string;
}

class SecretsRules implements MimcAppSecrets {
  @IsClean() @IsNotEmpty() @IsString() appKey!: string;
  @IsClean() @IsNotEmpty() @IsString() appSecret!: string;
}

/** The function that an application gives as `credentials`. It is foreign code, so nothing it returns or throws is shown. */
export class CredentialsSource {
  readonly #ask: () => unknown;
  readonly #closing = new AbortController();

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
    const ask = this.#ask;
    const answer = await foreignAnswer(ask, failed, this.#closing.signal);
    if (typeof answer !== 'object' || answer === null) throw failed('must return an object with appKey and appSecret');
    const { value, violations } = check(SecretsRules, onlySecretsOf(answer), 'credentials');
    refuseOptions('MimcModule', violations);
    return value ?? { appKey: '', appSecret: '' };
  }

  /** Ends a call of the function that is in progress, and refuses others. */
  close(): void {
    this.#closing.abort();
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
