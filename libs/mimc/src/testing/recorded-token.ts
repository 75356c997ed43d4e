/** MIMC's answer to the request for a token in `body`, with values that no real one has. */
export function recordedToken(body: string): string {
  const { appId, appAccount } = JSON.parse(body) as { appId: string; appAccount: string };
  const data = { appId, appAccount, miUserId: `recorded:${appAccount}`, token: `recorded-token:${appAccount}` };
  return JSON.stringify({ code: 200, message: 'success', data });
}
