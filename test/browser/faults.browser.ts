import { expect, test } from './support/console-test.js';

const FAULTS = [
  { fault: 'Forbidden', outcome: 'Refused', code: 'MIMC_API', status: 403, message: 'MIMC said no' },
  { fault: 'Throttled', outcome: 'Refused', code: 'MIMC_RATE_LIMITED', status: 429, message: '' },
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

test.beforeEach(({ console }) => console.unlock());

test('each outcome is told as the error that it is', async ({ console }) => {
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

test('a fault for one request is over after it, and the retry is told', async ({ console }) => {
  await console.switchOn('Throttled', '1');
  await console.push('p2p', 'Account', 'alice', 'hello');
  await expect(console.calls.first()).toContainText('Accepted');
  await expect(console.calls.first()).toContainText('attempts2');
  await expect(console.page.locator('#fault-now')).toHaveText('Answers as MIMC does.');
});
