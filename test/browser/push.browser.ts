import { expect, test } from './support/console-test.js';

const [TOPIC, OTHER_TOPIC] = ['21351198708203521', '9223372036854775807'];

test.beforeEach(({ console }) => console.unlock());

test('each push is accepted and arrives in the inbox of everybody it names', async ({ console }) => {
  for (const { push, label, recipients } of [
    { push: 'p2p', label: 'Account', recipients: ['carol'] },
    { push: 'p2p/more', label: 'Accounts', recipients: ['dave', 'erin'] },
    { push: 'p2t', label: 'Topic ID', recipients: [OTHER_TOPIC] },
    { push: 'p2t/more', label: 'Topic IDs', recipients: [TOPIC, OTHER_TOPIC] },
  ] as const) {
    await console.push(push, label, recipients.join('\n'), `by ${push}`);

    const [call] = await console.calls.allInnerTexts();
    expect(call).toMatch(/Accepted[^]*HTTP 202[^]*mayBeDuplicate\s*false/);
    for (const recipient of recipients) {
      await expect(console.messages.filter({ hasText: recipient }).filter({ hasText: `by ${push}\n` })).toHaveCount(1);
    }
  }
});

test('an error stands next to its field, which gets the focus', async ({ console }) => {
  await console.push('p2p', 'Account', '', '');

  const account = console.field('Account');
  await expect(account).toBeFocused();
  await expect(account).toHaveAttribute('aria-invalid', 'true');
  await expect(account).toHaveAccessibleDescription('Required');
  await expect(console.field('Message')).toHaveAccessibleDescription('Required');
  await expect(console.calls.first()).toContainText('MIMC_INVALID');
  await expect(console.calls.first()).toContainText('Not sent');

  await account.fill('alice');
  await expect(account).not.toHaveAttribute('aria-invalid');
  await expect(account).toHaveAccessibleDescription('');
});

test('an entry of a list is named by its line, which is selected', async ({ console }) => {
  await console.push('p2t/more', 'Topic IDs', '7\n\n  \nnews\n8\n\n', 'hello');

  const topics = console.field('Topic IDs');
  await expect(topics).toHaveAccessibleDescription(/^Line 4: Not a topic ID.* One per line/);
  await expect(topics).toBeFocused();
  expect(await console.page.evaluate('getSelection().toString()')).toBe('news');

  const tooMany = Array.from({ length: 51 }, (_, index) => `user-${index}`);
  await console.push('p2p/more', 'Accounts', tooMany.join('\n'), 'hello');
  await expect(console.field('Accounts')).toHaveAccessibleDescription(/^At most 50 here; use Broadcast below for more/);
});

test('every field goes as it is named, and is judged', async ({ console }) => {
  await console.page.getByText('More fields').first().click();
  await console.field('Message type').selectOption('base64');
  await console.field('Store in history').selectOption('true');
  await console.field('Sender account').fill('shop');
  await console.field('Sender resource').fill('pos');
  await console.field('Business type').fill('TEXT');
  await console.push('p2p', 'Account', 'frank', 'no base64!');
  await expect(console.field('Message')).toHaveAccessibleDescription('Not valid Base64');

  const asked = console.page.waitForRequest('**/push/p2p');
  await console.push('p2p', 'Account', 'frank', 'AAECAw==');

  expect((await asked).postDataJSON()).toEqual({
    toAccount: 'frank',
    msg: 'AAECAw==',
    msgType: 'base64',
    isStore: true,
    fromAccount: 'shop',
    fromResource: 'pos',
    bizType: 'TEXT',
  });
  await expect(console.messages.filter({ hasText: 'frank' })).toContainText(['4 bytes']);
  await expect(console.messages.filter({ hasText: 'frank' })).toContainText(['shop']);
});

test('HTML in a message stays text', async ({ console }) => {
  const html = '<img src="/nowhere" onerror="document.title=1"><script>document.title=1</script><b>bold</b>';
  await console.push('p2p', 'Account', '<i>mallory</i>', html);

  const message = console.messages.filter({ hasText: '<i>mallory</i>' });
  await expect(message).toContainText(html);
  await expect(message.locator('img, script, b, i')).toHaveCount(0);
  await expect(console.calls.first()).toContainText('<i>mallory</i>');
  await expect(console.page).toHaveTitle('MIMC console');
});

test('the inbox can be narrowed to a recipient', async ({ console }) => {
  await console.push('p2p', 'Account', 'grace', 'for grace');
  await console.push('p2p', 'Account', 'heidi', 'for heidi');
  await console.page.getByLabel('Recipient', { exact: true }).fill('grace');
  await expect(console.messages).toHaveText([/for grace/]);
  await console.push('p2p', 'Account', 'heidi', 'for heidi again');
  await console.push('p2p', 'Account', 'grace', 'for grace again');
  await expect(console.messages).toHaveText([/for grace again/, /for grace/]);

  await console.page.getByLabel('Recipient', { exact: true }).fill('nobody of that name');
  await expect(console.page.locator('#inbox')).toContainText('None of the latest messages');
});
