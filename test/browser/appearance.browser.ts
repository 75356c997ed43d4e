import type { TestInfo } from '@playwright/test';
import { expectAccessible } from './support/accessibility.js';
import type { ConsolePage } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

// More than are sent while the pictures are taken, however busy the machine is.
const AUDIENCE = Array.from({ length: 5_000 }, (_, index) => `user-${String(index + 1).padStart(4, '0')}`);

test.describe.configure({ mode: 'parallel' });

for (const { width, height } of [
  { width: 1280, height: 1100 },
  { width: 390, height: 844 },
]) {
  test.describe(`at ${width} px, in both themes`, () => {
    test.use({ viewport: { width, height }, contextOptions: { reducedMotion: 'reduce' } });

    test('every state of key and push can be used and read', async ({ console }) => {
      await console.unlock('wrong');
      await expect(console.page.getByLabel('API key', { exact: true })).toHaveAttribute('aria-invalid', 'true');
      await expectAccessible(console.page, 'locked, with a wrong key');

      await console.unlock();
      await expect(console.page.getByText('Live')).toBeVisible();
      await expectAccessible(console.page, 'unlocked');

      await sendSome(console);
      await console.switchOn('Throttled');
      await expectAccessible(console.page, 'with outcomes, an error next to a field and a fault');
    });

    test('every state of a broadcast can be used and read', async ({ console }, info) => {
      await console.unlock();
      await sendSome(console);
      await console.push('p2p', 'Account', 'alice', 'Your table is ready');
      await console.startBroadcast({ recipients: AUDIENCE, msg: 'The sale starts at noon' });
      await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(180);
      await takePictures(console, info, width);
      await console.run.getByRole('button', { name: 'Pause' }).click();
      await expect(console.run).toContainText('Paused');
      await expectAccessible(console.page, 'with a broadcast');
      await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();
      await expectAccessible(console.page, 'with a question');
      await console.confirm('Cancel broadcast');
      await expect(console.run).toContainText('Cancelled');
    });
  });
}

/** Outcomes of several kinds; the last leaves an error in the form. */
async function sendSome(console: ConsolePage): Promise<void> {
  await console.push('p2t', 'Topic ID', '21351198708203521', 'Maintenance at noon');
  await console.switchOn('No answer', '1');
  await console.push('p2p', 'Account', 'bob', 'Your order is on its way');
  await console.push('p2p', 'Account', '', 'Nobody gets this');
}

/** In both themes, and the light one in Chinese, too. `UPDATE_SCREENSHOTS=1` replaces those of the documentation. */
async function takePictures(console: ConsolePage, info: TestInfo, width: number): Promise<void> {
  const isKept = process.env['UPDATE_SCREENSHOTS'] === '1';
  for (const colorScheme of ['dark', 'light'] as const) {
    const name = `console-${width}${colorScheme === 'dark' ? '-dark' : ''}.png`;
    const path = isKept && colorScheme === 'light' ? `docs/images/${name}` : info.outputPath(name);
    await console.page.emulateMedia({ colorScheme });
    await console.page.screenshot({ path, fullPage: true });
  }
  await console.page.getByRole('button', { name: '简体中文' }).click();
  await console.page.mouse.move(0, 0);
  const name = `console-zh-${width}.png`;
  const path = isKept && width === 1280 ? `docs/images/${name}` : info.outputPath(name);
  await console.page.screenshot({ path, fullPage: true });
  await console.page.getByRole('button', { name: 'English' }).click();
}
