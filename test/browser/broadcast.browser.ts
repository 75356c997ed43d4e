import { readFileSync } from 'node:fs';
import { reusablePort } from '../support/ports.js';
import { ConsolePage, KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

test('a broadcast pauses, stands still, continues and reaches everybody once', async ({ console }) => {
  await console.unlock();
  await console.isTold();
  const before = await console.messagesTold();
  await console.startBroadcast({ recipients: names('pause', 500), msg: 'a pause' });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();

  await expect(console.run).toContainText('Paused');
  const resume = console.run.getByRole('button', { name: 'Resume' });
  await expect(resume).toBeFocused();
  const accepted = await console.counted('Accepted');
  expect(accepted).toBeLessThan(500);
  await console.page.waitForTimeout(1_200);
  expect(await console.counted('Accepted')).toBe(accepted);
  await expect.poll(async () => (await console.messagesTold()) - before).toBe(accepted);

  await resume.click();
  await expect(console.run).toContainText('Running');
  await expect(console.run).toContainText(/ETA \d+ s/);
  await expect(console.run.getByRole('img', { name: /^Quota used over the last .* the limit is 50$/ })).toBeVisible();
  await expect(console.run).toContainText('Done');
  await expect(console.run).toContainText('100 %');
  expect(await console.counts()).toEqual({
    Accepted: 500,
    Refused: 0,
    'Not sent': 0,
    Unknown: 0,
    Invalid: 0,
    Duplicates: 0,
  });
  await expect.poll(async () => (await console.messagesTold()) - before).toBe(500);
  await expect(console.run.getByRole('button')).toHaveCount(0);
  await expect(console.listed.first()).toContainText(/Done.*500 of 500 accepted/);
});

test('a broadcast is shown and controlled after a reload, and in a second tab', async ({ console }) => {
  await console.unlock();
  await console.startBroadcast({ recipients: names('reload', 3_000) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.page.reload();
  await console.unlock();
  await expect(console.run).toContainText('Running');

  const second = new ConsolePage(await console.page.context().newPage());
  await second.page.goto(console.page.url());
  await second.unlock();
  await second.run.getByRole('button', { name: 'Pause' }).click();
  await expect(second.run).toContainText('Paused');
  await second.run.getByRole('button', { name: 'Cancel broadcast' }).click();
  await second.confirm('Cancel broadcast');
  await expect(second.listed.first()).toContainText('Cancelled');
  await expect(console.run).toContainText('Cancelled');
});

test('a broadcast of the list is watched when it is chosen, and left by the way back', async ({ console }) => {
  await console.unlock();
  await console.startBroadcast({ recipients: ['chosen'] });
  await expect(console.run).toContainText('Done');
  const first = await console.run.locator('.run-id').innerText();
  await console.startBroadcast({ recipients: ['other'] });
  await expect(console.run.locator('.run-id')).not.toHaveText(first);
  await console.listed.getByRole('link', { name: first }).click();
  await expect(console.run.locator('.run-id')).toHaveText(first);
  await expect(console.listed.getByRole('link', { name: first })).toHaveAttribute('aria-current', 'true');
  await console.page.goBack();
  await expect(console.run.locator('.run-id')).not.toHaveText(first);
});

test('an audience is previewed, and asked about before it is sent to', async ({ console }) => {
  await console.unlock();
  const form = console.page.locator('#broadcast-form');
  const size = console.page.locator('#audience-size');
  await form.getByLabel('Recipients', { exact: true }).fill('alice,Alice\n\nbob\ncarol\ndave');
  await expect(size).toHaveText('4 accounts: alice,Alice, bob, carol and 1 more');
  await expect(form.locator('.warnings')).toContainText('1 line contains a comma');
  await expect(form.locator('.warnings')).toContainText('1 blank line is ignored');

  const csv = 'name,account\r\n"Doe, Jane",jane\r\nJoe,\r\n"Max ""M"" X",max\r\n';
  const file = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) };
  await form.getByLabel('Or upload a file').setInputFiles(file);
  await expect(size).toHaveText('3 accounts: Doe, Jane, Joe, Max "M" X');
  await form.getByLabel('Recipient column').selectOption('account');
  await expect(size).toHaveText('2 accounts: jane, max');
  await form.getByRole('button', { name: 'Start broadcast' }).click();
  const question = console.page.getByRole('dialog');
  await expect(question).toContainText('2 accounts: jane, max. It starts now and goes to the emulator.');
  await question.getByRole('button', { name: 'Back' }).click();
  await expect(form.getByRole('button', { name: 'Start broadcast' })).toBeFocused();
  await expect(console.run).toBeHidden();

  await form.getByRole('button', { name: 'Start broadcast' }).click();
  await console.confirm('Send to 2 accounts');
  await expect(console.run).toContainText('Done');
  for (const name of ['jane', 'max']) await expect(console.messages.filter({ hasText: name })).toHaveCount(1);
});

test('those who were refused are in a file, and are sent to again', async ({ console }) => {
  await console.unlock();
  await console.switchOn('Forbidden', '1');
  await console.startBroadcast({ recipients: names('again', 20) });
  await expect(console.run).toContainText('Done');
  expect(await console.counts()).toMatchObject({ Accepted: 10, Refused: 10 });
  const [download] = await Promise.all([
    console.page.waitForEvent('download'),
    console.run.getByRole('button', { name: 'Download failures' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.failures\.ndjson$/);
  const [failure] = readFileSync(await download.path(), 'utf8').split('\n');
  expect(JSON.parse(failure ?? '')).toMatchObject({ outcome: 'refused', at: expect.any(String) });

  await console.run.getByRole('button', { name: 'Send again to 10 refused or not sent' }).click();
  await console.confirm('Send again to 10');
  await expect.poll(() => console.counted('Accepted')).toBe(20);
  await expect(console.run).toContainText('Done');
  await expect(console.run.getByRole('button')).toHaveCount(0);
});

test('a broadcast waits for its time, and can be cancelled before', async ({ console }) => {
  await console.unlock();
  const form = console.page.locator('#broadcast-form');
  await form.getByText('More fields').click();
  await form.getByLabel('Start at').fill('2126-01-01T09:00:00');
  await console.startBroadcast({ recipients: ['later'] });
  await expect(console.run).toContainText('Scheduled');
  await expect(console.run).toContainText('01/01/2126, 09:00:00');
  await expect(console.listed.first()).toContainText('Scheduled');
  await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();
  await console.confirm('Cancel broadcast');
  await expect(console.run).toContainText('Cancelled');
});

test('a screen reader hears of a broadcast itself, and not of each message', async ({ console }) => {
  await console.unlock();
  await console.isTold();
  const said: string[] = [];
  await console.page.exposeFunction('heard', (text: string) => said.push(text));
  await console.page.evaluate(`new MutationObserver(([{ target }]) => target.textContent && heard(target.textContent))
    .observe(document.getElementById('announcer'), { childList: true })`);
  await console.startBroadcast({ recipients: names('heard', 180) });
  await expect(console.run).toContainText('Done');
  await expect.poll(() => said.at(-1)).toMatch(/^Broadcast: Done, \d+ of 180 accepted$/);
  expect(said).toContain('Broadcast running');
  expect(said.filter((text) => text.includes('arrived'))).toEqual([]);
});

test('a broadcast is cancelled, and its id is taken', async ({ console }) => {
  await console.unlock();
  await console.page.getByText('More fields').last().click();
  await console.page.getByLabel('ID', { exact: true }).fill('cancelled');
  await console.startBroadcast({ recipients: names('cancel', 3_000) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();
  await console.page.getByRole('dialog').getByRole('button', { name: 'Back' }).click();
  await expect(console.run).toContainText('Running');
  await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();
  await console.confirm('Cancel broadcast');

  await expect(console.run).toContainText('Cancelled');
  expect(await console.counted('Accepted')).toBeLessThan(3_000);
  await expect(console.run.getByRole('button', { name: /Pause|Resume|Cancel/ })).toHaveCount(0);

  await console.startBroadcast({ recipients: ['alice'] });
  const problem = console.page.locator('#broadcast-form').getByRole('alert');
  await expect(problem).toHaveText('A broadcast with the id cancelled already exists');
});

test('a broadcast on the queue is followed as one in the process is', async ({ watched, start, redisUrl }) => {
  const sample = await start({ REDIS_URL: redisUrl, SAMPLE_API_KEY: KEY });
  const console = new ConsolePage(watched);
  await watched.goto(sample.url);
  await console.unlock();
  await watched.getByText('More fields').last().click();
  await expect(watched.getByLabel('Recipients per request')).toBeHidden();
  await console.startBroadcast({ recipients: names('queue', 500) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();
  await expect(console.run).toContainText('Paused');
  await console.run.getByRole('button', { name: 'Resume' }).click();
  await expect(console.run).toContainText('Done');
  expect(await console.counted('Accepted')).toBe(500);
  await expect.poll(() => console.messagesTold()).toBe(500);
});

test('a broadcast that the server forgot is no longer followed, and can only be reported', async ({
  watched,
  start,
}) => {
  const port = String(await reusablePort());
  const first = await start({ SAMPLE_API_KEY: KEY, PORT: port });
  const console = new ConsolePage(watched);
  await watched.goto(first.url);
  await console.unlock();
  await console.startBroadcast({ recipients: names('forgotten', 3_000) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();
  await expect(console.run).toContainText('Paused');
  await first.stop();
  await start({ SAMPLE_API_KEY: KEY, PORT: port });

  await expect(console.run).toContainText('No longer available');
  await expect(console.run).toContainText('No broadcast has the id');
  await expect(console.run.getByRole('button')).toHaveCount(0);
});

test('a file is uploaded as it is, and its failures are shown', async ({ console }) => {
  await console.unlock();
  await console.page.locator('input[name="kind"][value="topics"]').check();
  await console.page.getByLabel('Or upload a file').setInputFiles({
    name: 'audience.ndjson',
    mimeType: 'application/x-ndjson',
    buffer: Buffer.from('21351198708203521\n"news"\n9223372036854775807\n'),
  });
  await console.page.getByRole('button', { name: 'Start broadcast' }).click();
  await console.confirm('Send to 3 groups');

  await expect(console.run).toContainText('Done');
  expect(await console.counts()).toMatchObject({ Accepted: 2, Invalid: 1 });
  await console.run.getByText('Not accepted: 1').click();
  await expect(console.run).toContainText(/MIMC_INVALID recipient 2, news/);
});

test('what fails too often stops it, and it can continue', async ({ console }) => {
  await console.unlock();
  await console.switchOn('Credentials refused');
  await console.startBroadcast({ recipients: names('fail', 200) });
  await expect(console.run).toContainText('Paused');
  await expect.poll(() => console.counted('Refused')).toBeGreaterThanOrEqual(100);
  await console.switchOff();
  await console.run.getByRole('button', { name: 'Resume' }).click();

  await expect(console.run).toContainText('Done');
  const { Accepted = 0, Refused = 0 } = await console.counts();
  expect(Accepted + Refused).toBe(200);
  expect(Accepted).toBeGreaterThan(0);
});

test('errors stand next to their fields, of a list and of a file', async ({ console }) => {
  await console.unlock();
  const form = console.page.locator('#broadcast-form');
  await form.getByText('More fields').click();
  await form.getByLabel('ID', { exact: true }).fill('a b');
  await form.getByText('More fields').click();
  await console.startBroadcast({ recipients: [], msg: '' });
  await expect(form.getByLabel('Recipients', { exact: true })).toBeFocused();
  await expect(form.getByLabel('Recipients', { exact: true })).toHaveAccessibleDescription(/Enter at least one/);
  await expect(form.getByLabel('ID', { exact: true })).toHaveAccessibleDescription(/id must be 1 to 64/);

  await form.getByText('More fields').click();
  await form.getByLabel('ID', { exact: true }).fill('');
  await form.getByLabel('Recipients per request').fill('many');
  await form.getByText('More fields').click();
  await console.startBroadcast({ recipients: ['alice'] });
  await expect(form.getByLabel('Recipients per request')).toBeFocused();
  await expect(form.getByLabel('Recipients per request')).toHaveAccessibleDescription(/options\.chunkSize/);

  await form.getByLabel('Recipients per request').fill('');
  await console.startBroadcast({ recipients: ['alice'], msg: '' });
  await expect(form.getByLabel('Message')).toHaveAccessibleDescription('Required');
  const file = { name: 'broken.ndjson', mimeType: 'application/x-ndjson', buffer: Buffer.from('"a"\noops\n') };
  await form.getByLabel('Or upload a file').setInputFiles(file);
  await console.startBroadcast({ recipients: ['alice'] });
  await expect(form.getByLabel('Or upload a file')).toHaveAccessibleDescription(/^Line 2 must be a JSON string/);
  await console.startBroadcast({ recipients: [], msg: '消'.repeat(2_000) });
  await expect(form.getByLabel('Message')).toHaveAccessibleDescription(/^Too long to send with a file/);
});
