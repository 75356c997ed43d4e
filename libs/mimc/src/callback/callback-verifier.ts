import { type Authentication, areEqual, readAuthentication } from './authentication.js';
import { claimedAppId } from './callback-event.js';
import { type Fields, read, requiredTimestamp } from './callback-fields.js';
import { type CallbackSettings, isSecret } from './callback-options.js';
import { CallbackRefusal } from './refusal.js';

/** The app that a callback belongs to, and when MIMC made it. */
export interface Verified {
  readonly appId: string;
  readonly timestamp: number;
}

/** Accepts callbacks only from senders that know the secret of the app. */
export class CallbackVerifier {
  readonly #settings: CallbackSettings;

  constructor(settings: CallbackSettings) {
    this.#settings = settings;
  }

  /**
   * Checks the `authentication` of a callback (docs/mimc-api.md §4.4). It proves who made the callback, but does not
   * cover its content.
   *
   * @throws CallbackRefusal 400 without its fields, 401 without `authentication`, 403 when that is wrong
   */
  async verify(fields: Fields): Promise<Verified> {
    const appId = claimedAppId(fields);
    const timestamp = requiredTimestamp(fields, 'timestamp');
    const secrets = await this.#secretsOf(appId);
    if (secrets !== false) this.#check(authenticationOf(fields), secrets, { appId, timestamp });
    return { appId, timestamp };
  }

  async #secretsOf(appId: string): Promise<readonly string[] | false> {
    const found = await this.#settings.secretOf(appId);
    if (found === undefined) throw new CallbackRefusal(403, 'the app is not known here');
    if (!isSecret(found)) throw new TypeError('apps did not return a secret');
    return typeof found === 'string' ? [found] : found;
  }

  #check(given: string, secrets: readonly string[], { appId, timestamp }: Verified): void {
    const made = secrets.map((secret) => readAuthentication(given, secret)).filter((one) => one !== undefined);
    const right = made.find((one) => areEqual(one.appId, appId));
    if (right === undefined) throw new CallbackRefusal(403, 'authentication is wrong');
    this.#checkTimes(right, timestamp);
  }

  #checkTimes(made: Authentication, timestamp: number): void {
    const { toleranceMs, maxAgeMs } = this.#settings;
    if (Math.abs(made.timestamp - timestamp) > toleranceMs) {
      throw new CallbackRefusal(403, 'authentication was made at another time than the callback');
    }
    if (maxAgeMs !== false && Math.abs(Date.now() - made.timestamp) > maxAgeMs) {
      const detail = `authentication is more than maxAgeMs (${maxAgeMs} ms) from the clock of this process: a replay, or a wrong clock`;
      throw new CallbackRefusal(403, 'authentication is too old', detail);
    }
  }
}

function authenticationOf(fields: Fields): string {
  const given = read(fields, 'authentication') ?? '';
  if (typeof given !== 'string') throw new CallbackRefusal(400, 'authentication must be text');
  if (given === '') throw new CallbackRefusal(401, 'authentication is missing');
  return given;
}
