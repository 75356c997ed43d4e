import { check } from '../validation/check.js';
import { IsAccount, IsShort } from '../validation/push-rules.js';
import { IfSet, IsAbortSignal, IsIntFrom, IsNotEmpty, IsString, MAX_TIMER_MS } from '../validation/rules.js';
import { accepted, apiCall, type MimcCallOptions } from '../push/api-call.js';
import type { CallId, PreparedCall } from '../push/call-factory.js';
import type { MimcSettings } from '../push/settings.js';
import { type TokenAnswer, tokenReader } from './token-reply.js';

/** Options of one token. */
export interface TokenOptions extends Omit<MimcCallOptions, 'retry'> {
  /**
   * MIMC's name for the region whose servers the user logs in to, such as `REGION_CN` (docs/mimc-api.md §3). Sent only
   * when set.
   */
  regionKey?: string | undefined;
}

class AccountRules {
  @IsAccount() @IsShort() @IsNotEmpty() @IsString() appAccount!: string;
}

class TokenOptionsRules implements TokenOptions {
  @IfSet() @IsShort() @IsNotEmpty() @IsString() regionKey?: string;
  @IfSet() @IsAbortSignal() signal?: AbortSignal;
  @IfSet() @IsIntFrom(1, MAX_TIMER_MS) deadlineMs?: number;
}

/**
 * The call that requests a token. A second token does no harm, so an attempt is repeated whatever the outcome of the one before.
 *
 * @throws MimcError `MIMC_INVALID`
 */
export function tokenCall(
  id: CallId<'account/token'>,
  given: { appAccount: unknown; options: unknown },
  settings: MimcSettings,
): PreparedCall<TokenAnswer> {
  const options = check(TokenOptionsRules, given.options ?? {}, 'options');
  const account = check(AccountRules, { appAccount: given.appAccount });
  const { appAccount } = accepted(account, options.violations, settings, id);
  const { regionKey, ...limits } = options.value ?? {};
  const fields = `,${JSON.stringify({ appAccount, regionKey }).slice(1)}`;
  return apiCall(id, { fields, read: tokenReader(appAccount) }, limits, settings, true);
}
