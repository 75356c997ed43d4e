import { expectAccessible } from './support/accessibility.js';
import { type ConsolePage, KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

const LONG = 'a-very-long-account-name-'.repeat(10);

test.describe.configure({ mode: 'parallel' });

for (const { width, height } of [
  { width: 1280, height: 1100 },
  { width: 390, height: 844 },
]) {
  for (const { locale, tag, push, accepted, other } of [
    { locale: 'en-GB', tag: 'en', push: 'Send push', accepted: 'Accepted', other: '简体中文' },
    { locale: 'zh-CN', tag: 'zh-CN', push: '发送推送', accepted: '已接受', other: 'English' },
  ]) {
    test.describe(`in a browser of ${locale} at ${width} px`, () => {
      test.use({ viewport: { width, height }, locale, contextOptions: { reducedMotion: 'reduce' } });

      test('the page is in its language and fits, with long names, a fault and a broadcast', async ({
        console,
      }, info) => {
        const { page } = console;
        await expect(page.locator('html')).toHaveAttribute('lang', tag);
        await expect(page.getByRole('button', { name: other })).toBeVisible();
        await expectAccessible(page, 'locked');
        await open(console);
        await page.locator('#toAccount').fill(LONG);
        await page.getByRole('button', { name: push }).click();
        await expect(console.page.locator('#calls')).toContainText(accepted);
        await expect(page.locator('#messages').getByTitle(LONG, { exact: true }).first()).toHaveCSS(
          'text-overflow',
          'ellipsis',
        );
        await page.locator('#fault').selectOption('slow');
        await page.locator('#fault-form button').first().click();
        await page.locator('#recipients').fill(`${LONG}\n\nbob`);
        await page.locator('#broadcast-start').click();
        await expectAccessible(page, 'with a question');
        await page.locator('#confirm-yes').click();
        await expect(page.locator('#run')).toBeVisible();
        await expectAccessible(page, 'unlocked');
        await page.screenshot({ path: info.outputPath(`console-${tag}-${width}.png`), fullPage: true });
        await page.locator('#fault-off').click();
        await expect(page.locator('#fault-off')).toBeHidden();
      });
    });
  }
}

test('the language switches everything that is shown, keeps what was typed, and is remembered', async ({ console }) => {
  const { page } = console;
  await open(console);
  await console.push('p2p', 'Account', '', 'typed');
  await expect(console.field('Account')).toHaveAccessibleDescription('Required');
  await page.getByRole('button', { name: '简体中文' }).click();

  await expect(page).toHaveTitle('MIMC 控制台');
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await expect(page.locator('#toAccount')).toHaveAccessibleDescription('必填');
  await expect(page.locator('#calls')).toContainText('未发送');
  await expect(page.locator('#calls')).toContainText('MIMC_INVALID');
  await expect(page.locator('#calls')).toContainText('参数有误（toAccount should not be empty');
  await expect(page.locator('#link')).toHaveText('已连接');
  await expect(page.locator('#fault-now')).toHaveText('当前没有故障。');
  await expect(page.locator('#msg')).toHaveValue('typed');
  await expect(page.locator('#topicName')).toHaveValue('出游');

  await page.reload();
  await expect(page.getByRole('button', { name: '解锁' })).toBeVisible();
  await page.getByRole('button', { name: 'English' }).click();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Unlock' })).toBeVisible();
});

/** In any language. */
async function open({ page }: ConsolePage): Promise<void> {
  await expect(page.locator('#key')).toBeFocused();
  await page.locator('#key').fill(KEY);
  await page.locator('#key').press('Enter');
  await expect(page.locator('#fault-now')).not.toBeEmpty();
}
