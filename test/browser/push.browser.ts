import { expect, test } from './support/console-test.js';

test('a push to an account is accepted and arrives in its inbox', async ({ console }) => {
  await console.unlock();
  await console.field('Account').fill('alice');
  await console.field('Message').fill('hello alice');
  await console.send();

  await expect(console.calls.first()).toContainText('Accepted');
  await expect(console.calls.first()).toContainText('HTTP 202');
  await expect(console.messages.first()).toContainText('hello alice');
});

test('an error stands beside the field that it is of, which gets the focus', async ({ console }) => {
  await console.unlock();
  await console.field('Account').fill('');
  await console.send();

  const account = console.field('Account');
  await expect(account).toBeFocused();
  await expect(account).toHaveAttribute('aria-invalid', 'true');
  await expect(account).toHaveAccessibleDescription('toAccount should not be empty');
  await expect(console.calls.first()).toContainText('MIMC_INVALID');
  await expect(console.calls.first()).toContainText('Not sent');
});
