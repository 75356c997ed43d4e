import type { Page } from '@playwright/test';
import { expect, test } from './support/console-test.js';

test.beforeEach(({ console }) => console.unlock());

for (const { status, outcome, advice } of [
  { status: 504, outcome: 'Unknown', advice: 'HTTP 504. It may have been sent' },
  { status: 408, outcome: 'Unknown', advice: 'may duplicate' },
  { status: 413, outcome: 'Not sent', advice: 'without a duplicate' },
]) {
  test(`a push that a proxy answers with ${status} is ${outcome.toLowerCase()}`, async ({ console }) => {
    await console.page.route('**/push/p2p', (route) => route.fulfill({ status, body: '' }));
    await console.push('p2p', 'Account', 'alice', 'hello');
    await expect(console.calls.first().locator('.outcome')).toHaveText(outcome);
    await expect(console.calls.first()).toContainText(advice);
  });
}

for (const kind of ['a list', 'a file'] as const) {
  test(`a broadcast to ${kind} whose answer is lost is sent once, however often it is started`, async ({ console }) => {
    const problem = console.page.locator('#broadcast-form').getByRole('alert');
    const name = `lost-${kind.replace(' ', '-')}`;
    if (kind === 'a file') {
      const file = { name: 'audience.txt', mimeType: 'text/plain', buffer: Buffer.from(`${name}\n`) };
      await console.page.getByLabel('Or upload a file').setInputFiles(file);
    }
    await loseOneAnswer(console.page);
    await console.startBroadcast({ recipients: [name] });
    await expect(problem).toContainText('It may have started');
    await expect(console.messages.filter({ hasText: name })).toHaveCount(1);

    await console.startBroadcast({ recipients: [name] });
    await expect(problem).toContainText('This broadcast had already started');
    await expect(console.run).toContainText('Done');
    expect(await console.counted('Accepted')).toBe(1);

    // That one is reported. The next is another, although it says the same.
    await console.startBroadcast({ recipients: [name] });
    await expect(console.messages.filter({ hasText: name })).toHaveCount(2);
    await expect(problem).toBeHidden();
  });
}

/** Of the next broadcast, which the server starts all the same. The list of broadcasts has the same path. */
async function loseOneAnswer(page: Page): Promise<void> {
  let isLost = false;
  await page.route(/\/broadcasts(\?.*)?$/, async (route) => {
    if (isLost || route.request().method() !== 'POST') return route.fallback();
    isLost = true;
    await route.fetch();
    await route.abort('connectionreset');
  });
}
