import { ConsolePage, KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

const FAULTS = [
  { fault: 'Forbidden', outcome: 'Refused', code: 'MIMC_API', status: 403, message: 'MIMC rejected it' },
  { fault: 'Throttled', outcome: 'Refused', code: 'MIMC_RATE_LIMITED', status: 429, message: 'MIMC throttled' },
  {
    fault: 'No answer',
    outcome: 'Unknown',
    code: 'MIMC_TIMEOUT',
    status: 504,
    message: 'MIMC did not reply within 1000 ms',
  },
  {
    fault: 'Service unavailable',
    outcome: 'Unknown',
    code: 'MIMC_HTTP',
    status: 502,
    message: 'may duplicate',
  },
];

test('each outcome is shown as the error that it is', async ({ console }) => {
  await console.unlock();
  for (const { fault, outcome, code, status, message } of FAULTS) {
    await console.switchOn(fault);
    await console.push('p2p', 'Account', 'alice', 'hello');

    const call = console.calls.first();
    await expect(call.locator('.outcome')).toHaveText(outcome);
    await expect(call).toContainText(code);
    await expect(call).toContainText(`HTTP ${status}`);
    await expect(call).toContainText(message);
  }
  await console.switchOff();
  await console.push('p2p', 'Account', 'alice', 'hello again');
  await expect(console.calls.first()).toContainText('Accepted');
});

test('a fault for one request is over after it, and the retry is shown', async ({ console }) => {
  await console.unlock();
  await console.switchOn('Throttled', '1');
  await console.push('p2p', 'Account', 'alice', 'hello');
  await expect(console.calls.first()).toContainText('Accepted');
  await expect(console.calls.first()).toContainText('attempts2');
  await expect(console.page.locator('#fault-now')).toHaveText('No fault is active.');
});

test('a penalty that outlives its fault is shown', async ({ watched, start }) => {
  const { url } = await start({ SAMPLE_API_KEY: KEY });
  const console = new ConsolePage(watched);
  await watched.goto(url);
  await console.unlock();
  await console.switchOn('Throttled for 40 seconds', '1');
  await watched.getByRole('button', { name: 'Switch off' }).focus();
  // By no click, so that the focus is on a button that goes.
  await watched.evaluate("document.getElementById('push-form').requestSubmit()");

  await expect(watched.locator('#fault-now')).toHaveText('No fault is active, but pushes are still paused.');
  await expect(watched.locator('#penalty')).toHaveText(/^Pushes to accounts are paused for another [1-4]?\d s\.$/);
  await expect(watched.getByLabel('Fault', { exact: true })).toBeFocused();
});
