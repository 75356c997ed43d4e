import { randomBytes } from 'node:crypto';
import { success, type EmulatorAnswer } from './answer.js';
import type { EmulatorSettings } from './options.js';
import { authenticated, nonEmptyString, optionalString } from './request.js';
import { userOf } from './user.js';

/** Issues account tokens, in the shapes of those that were seen (docs/mimc-api.md §3). */
export class EmulatedTokenApi {
  constructor(readonly settings: Pick<EmulatorSettings, 'credentials' | 'tokenFields'>) {}

  /**
   * Answers a request whose body was parsed. A user keeps its id and security key; each token is another one.
   *
   * @throws EmulatorRefusal as `readPush` does: 400 for a missing or invalid field, 401 for wrong credentials
   */
  issue(body: unknown): EmulatorAnswer {
    const { credentials, tokenFields } = this.settings;
    const fields = authenticated(body, credentials);
    const appAccount = nonEmptyString(fields, 'appAccount');
    // The regions are not documented, so every name is accepted.
    optionalString(fields, 'regionKey');
    const { uuid, securityKey } = userOf(credentials.appId, appAccount);
    return success({
      appId: credentials.appId,
      appPackage: 'com.example.emulator',
      appAccount,
      miChid: 9,
      miUserId: uuid,
      miUserSecurityKey: securityKey,
      token: randomBytes(375).toString('base64'),
      ...(tokenFields === 'new' && NEW_FIELDS),
    });
  }
}

/** Seen in 2019 and later only. */
const NEW_FIELDS = {
  regionBucket: 153,
  feDomainName: 'app.chat.xiaomi.net',
  relayDomainName: 'relay.mimc.chat.xiaomi.net',
};
