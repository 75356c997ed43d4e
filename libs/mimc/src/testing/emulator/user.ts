import { createHash } from 'node:crypto';

/** What a user has from MIMC, the same at every time: an id of 17 digits, above 2^53 as those seen, and a security key. */
export function userOf(appId: string, account: string): { readonly uuid: string; readonly securityKey: string } {
  const user = createHash('sha256').update(`${appId}/${account}`).digest();
  return {
    uuid: String(20_000_000_000_000_000n + (user.readBigUInt64BE() % 10_000_000_000_000_000n)),
    securityKey: user.subarray(16).toString('base64'),
  };
}
