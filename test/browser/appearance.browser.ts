import type { TestInfo } from '@playwright/test';
import { expectAccessible } from './support/accessibility.js';
import type { ConsolePage } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

const AUDIENCE = Array.from({ length: 260 }, (_, index) => `user-${String(index + 1).padStart(4, '0')}`);

for (const { width, height } of [
  { width: 1280, height: 1100 },
  { width: 390, height: 844 },
]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`at ${width} px, ${colorScheme}`, () => {
      test.use({ viewport: { width, height }, colorScheme, contextOptions: { reducedMotion: 'reduce' } });

      test('every state can be used and read', async ({ console }, info) => {
        await expectAccessible(console.page, 'locked');
        await console.unlock('wrong');
        await expect(console.page.getByLabel('API key', { exact: true })).toHaveAttribute('aria-invalid', 'true');
        await expectAccessible(console.page, 'with a wrong key');

        await console.unlock();
        await expect(console.page.getByText('Live')).toBeVisible();
        await expectAccessible(console.page, 'unlocked');

        await sendSome(console);
        await expectAccessible(console.page, 'with outcomes and an error beside a field');

        await console.switchOn('Throttled');
        await expectAccessible(console.page, 'with a fault');
        await console.switchOff();

        await console.push('p2p', 'Account', 'alice', 'Your table is ready');
        await console.startBroadcast({ recipients: AUDIENCE, msg: 'The sale starts at noon' });
        await expect.poll(() => console.counted('Accepted'), { timeout: 15_000 }).toBeGreaterThan(140);
        await console.page.screenshot({ path: pathOf(info, width, colorScheme), fullPage: true });
        await expectAccessible(console.page, 'with a broadcast under way');

        await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();
        await expect(console.run).toContainText('Cancelled');
        await expectAccessible(console.page, 'with a cancelled broadcast');
      });
    });
  }
}

/** Outcomes of several kinds; the last leaves an error in the form. */
async function sendSome(console: ConsolePage): Promise<void> {
  await console.push('p2t', 'Topic id', '21351198708203521', 'Maintenance at noon');
  await console.switchOn('No answer', '1');
  await console.push('p2p', 'Account', 'bob', 'Your order is on its way');
  await console.push('p2p', 'Account', '', 'Nobody gets this');
}

/** Where the documentation has them, when they are to be made anew; only the light ones are shown there. */
function pathOf(info: TestInfo, width: number, colorScheme: 'light' | 'dark'): string {
  const isKept = process.env['UPDATE_SCREENSHOTS'] === '1' && colorScheme === 'light';
  return isKept ? `docs/images/console-${width}.png` : info.outputPath(`console-${width}-${colorScheme}.png`);
}
