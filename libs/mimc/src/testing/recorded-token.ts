/** MIMC's answer to the request for a token with these `fields` in its body, with values that no real one has. */
export function recordedToken(appId: string, fields: string): string {
  const { appAccount } = JSON.parse(fields.replace(',', '{')) as { appAccount: string };
  const data = { appId, appAccount, miUserId: `recorded:${appAccount}`, token: `recorded-token:${appAccount}` };
  return JSON.stringify({ code: 200, message: 'success', data });
}
