import { DEMO_KEY } from '../settings.js';

/** URLs of the parts of a demo. */
export interface DemoPlaces {
  /** Of the API. */
  url: string;
  emulatorUrl: string;
  /** Of the console, when there is one. */
  page?: string | undefined;
}

/** The banner of demo mode: that it is a demo, the URLs of its parts, and a command to paste. */
export function demoBanner(apiKey: string, { url, emulatorUrl, page }: DemoPlaces): string {
  return [
    'DEMO MODE: nothing is sent to Xiaomi MIMC, an emulator on this machine accepts every message.',
    '',
    ...(page === undefined ? [] : [`  Console   ${page} (key: ${keyName(apiKey)})`]),
    `  API       ${url}`,
    `  API docs  ${url}/docs`,
    `  Emulator  ${emulatorUrl}`,
    '',
    'Push a message:',
    '',
    `curl -i ${url}/push/p2p \\`,
    `  -H ${bearer(apiKey)} \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"toAccount":"alice","msg":"hello"}'`,
    '',
    'To send through MIMC, set MIMC_APP_ID, MIMC_APP_KEY, MIMC_APP_SECRET and SAMPLE_API_KEY.',
  ].join('\n');
}

/** The operator's own key is not shown; the shell fills it in. */
function bearer(apiKey: string): string {
  return apiKey === DEMO_KEY ? `'Authorization: Bearer ${DEMO_KEY}'` : '"Authorization: Bearer $SAMPLE_API_KEY"';
}

function keyName(apiKey: string): string {
  return apiKey === DEMO_KEY ? DEMO_KEY : 'SAMPLE_API_KEY';
}
