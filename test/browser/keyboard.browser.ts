import { KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

test('a push needs nothing but the keyboard', async ({ console }) => {
  const { keyboard } = console.page;
  const focused = () => console.page.locator(':focus');

  await expect(focused()).toHaveAttribute('id', 'key');
  for (const name of ['中文', 'Health', 'OpenAPI', 'API docs', 'Skip to content']) {
    await keyboard.press('Shift+Tab');
    await expect(focused()).toContainText(name);
  }
  await keyboard.press('Enter');
  await keyboard.press('Tab');
  await expect(focused()).toHaveAttribute('id', 'key');
  await keyboard.type(KEY);
  await keyboard.press('Enter');

  // The focus is at the beginning of what was shown.
  await expect(console.page.locator('main')).toBeFocused();
  await keyboard.press('Tab');
  await expect(focused()).toHaveValue('p2p');
  await keyboard.press('ArrowDown');
  await expect(focused()).toHaveValue('p2p/more');
  await keyboard.press('Tab');
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('ivan\njudy');
  await keyboard.press('Tab');
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('typed');
  await keyboard.press('Tab');
  await expect(focused()).toHaveText('More fields');
  await keyboard.press('Tab');
  await expect(focused()).toHaveText('Send push');
  await expect(focused()).toHaveCSS('outline-style', 'solid');
  await keyboard.press('Enter');

  await expect(console.calls.first()).toContainText('Accepted');
  await expect(console.messages.filter({ hasText: 'typed' })).toHaveCount(2);
  await expect(console.page.getByRole('button', { name: 'Send push' })).toBeFocused();
  await expect(console.page.locator('#announcer')).toHaveText(/Push p2p\/more: Accepted|2 messages arrived/);
});
