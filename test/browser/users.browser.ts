import { expectAccessible } from './support/accessibility.js';
import { expect, test } from './support/console-test.js';

test.beforeEach(({ console }) => console.unlock());

test('two users log in, make a group, and answer what is pushed to it', async ({ console }) => {
  const { page } = console;
  const tokens = page.getByRole('list', { name: 'Tokens' }).getByRole('listitem');
  for (const [index, account] of ['bob', 'alice'].entries()) {
    await page.getByLabel('User', { exact: true }).fill(account);
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(tokens).toHaveCount(index + 1);
    await expect(tokens.last()).toHaveText(new RegExp(`^${account}token.{4}…, \\d+ characters$`));
  }

  await page.getByLabel('Group name').fill('Trip to the sea');
  await page.getByRole('button', { name: 'Create group' }).click();
  const group = page
    .getByRole('list', { name: 'My groups' })
    .getByRole('listitem')
    .filter({ hasText: 'Trip to the sea' });
  await expect(group).toContainText('owneralice');
  await group.getByRole('button', { name: 'Push to this group' }).click();
  await console.field('Message').fill('The train leaves at 9');
  await console.send();
  await expect(console.calls.first()).toContainText('Accepted');
  const topicId = await console.field('Topic ID').inputValue();
  await expect(console.messages.filter({ hasText: topicId })).toContainText('The train leaves at 9');

  await page.getByText('A group', { exact: true }).click();
  await page.getByLabel('Recipient topic ID').fill(topicId);
  await page.getByLabel('Text', { exact: true }).fill('See you there');
  await page.getByLabel('Recipients are offline').check();
  await page.getByRole('button', { name: 'Send as this user' }).click();
  const callbacks = page.getByRole('list', { name: 'Callbacks' }).getByRole('listitem');
  await expect(callbacks).toHaveCount(2);
  await expect(callbacks.filter({ hasText: 'OFFLINE_TOPIC_MSG' })).toContainText('offline1');
  await expect(callbacks.filter({ hasText: 'NORMAL_TOPIC_MSG' })).toContainText('See you there');
  await expectAccessible(page, 'with users, groups and callbacks');

  // What belongs to the key is gone with it.
  await page.getByRole('button', { name: 'Lock' }).click();
  await console.unlock();
  await expect(tokens).toHaveCount(0);
});

test('what is wrong stands next to its field, and the page stays open', async ({ console }) => {
  const { page } = console;
  await page.getByRole('button', { name: 'Create group' }).click();
  await expect(page.locator('#group-form .form-problem')).toContainText('Log in a user first');
  await page.getByLabel('User', { exact: true }).fill('');
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByLabel('User', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await page.getByLabel('Recipient account').fill('');
  await page.getByRole('button', { name: 'Send as this user' }).click();
  await expect(page.getByLabel('Recipient account')).toHaveAttribute('aria-invalid', 'true');
});
