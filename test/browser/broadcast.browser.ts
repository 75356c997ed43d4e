import { reusablePort } from '../support/ports.js';
import { ConsolePage, KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

test('a broadcast pauses, stands still, goes on and reaches everybody once', async ({ console }) => {
  await console.unlock();
  await console.isTold();
  const before = await console.messagesTold();
  await console.startBroadcast({ recipients: names('pause', 220), msg: 'a pause' });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();

  await expect(console.run).toContainText('Paused');
  const resume = console.run.getByRole('button', { name: 'Resume' });
  await expect(resume).toBeFocused();
  const accepted = await console.counted('Accepted');
  expect(accepted).toBeLessThan(220);
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
    Accepted: 220,
    Refused: 0,
    'Not sent': 0,
    Unknown: 0,
    Invalid: 0,
    Duplicates: 0,
  });
  await expect.poll(async () => (await console.messagesTold()) - before).toBe(220);
  await expect(console.run.getByRole('button')).toHaveCount(0);
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
  await expect.poll(() => said).toContain('Broadcast done: 180 of 180 accepted');
  expect(said).toContain('Broadcast running');
  expect(said.filter((text) => text.includes('arrived'))).toEqual([]);
});

test('a broadcast is cancelled, and its id is taken', async ({ console }) => {
  await console.unlock();
  await console.page.getByText('More fields').last().click();
  await console.page.getByLabel('Id', { exact: true }).fill('cancelled');
  await console.startBroadcast({ recipients: names('cancel', 400) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Cancel broadcast' }).click();

  await expect(console.run).toContainText('Cancelled');
  await expect(console.run.getByText('Cancelled', { exact: true })).toBeFocused();
  expect(await console.counted('Accepted')).toBeLessThan(400);
  await expect(console.run.getByRole('button')).toHaveCount(0);

  await console.startBroadcast({ recipients: ['alice'] });
  const problem = console.page.locator('#broadcast-form').getByRole('alert');
  await expect(problem).toHaveText('There is a broadcast cancelled already');
});

test('a broadcast on the queue is followed as one in the process is', async ({ watched, start, redisUrl }) => {
  const sample = await start({ REDIS_URL: redisUrl, SAMPLE_API_KEY: KEY });
  const console = new ConsolePage(watched);
  await watched.goto(sample.url);
  await console.unlock();
  await watched.getByText('More fields').last().click();
  await expect(watched.getByLabel('Recipients per request')).toBeHidden();
  await console.startBroadcast({ recipients: names('queue', 150) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();
  await expect(console.run).toContainText('Paused');
  await console.run.getByRole('button', { name: 'Resume' }).click();
  await expect(console.run).toContainText('Done');
  expect(await console.counted('Accepted')).toBe(150);
  await expect.poll(() => console.messagesTold()).toBe(150);
});

test('a broadcast that the server forgot is no longer followed, and can only be told of', async ({
  watched,
  start,
}) => {
  const port = String(await reusablePort());
  const first = await start({ SAMPLE_API_KEY: KEY, PORT: port });
  const console = new ConsolePage(watched);
  await watched.goto(first.url);
  await console.unlock();
  await console.startBroadcast({ recipients: names('forgotten', 400) });
  await expect.poll(() => console.counted('Accepted')).toBeGreaterThan(0);
  await console.run.getByRole('button', { name: 'Pause' }).click();
  await expect(console.run).toContainText('Paused');
  await first.stop();
  await start({ SAMPLE_API_KEY: KEY, PORT: port });

  await expect(console.run).toContainText('No longer followed');
  await expect(console.run).toContainText('There is no broadcast');
  await expect(console.run.getByRole('button')).toHaveCount(0);
});

test('a file is uploaded as it is, and its failures are told', async ({ console }) => {
  await console.unlock();
  await console.page.locator('input[name="kind"][value="topics"]').check();
  await console.page.getByLabel('Or a file of them').setInputFiles({
    name: 'audience.ndjson',
    mimeType: 'application/x-ndjson',
    buffer: Buffer.from('21351198708203521\n"news"\n9223372036854775807\n'),
  });
  await console.page.getByRole('button', { name: 'Start broadcast' }).click();

  await expect(console.run).toContainText('Done');
  expect(await console.counts()).toMatchObject({ Accepted: 2, Invalid: 1 });
  await console.run.getByText('Not accepted: 1').click();
  await expect(console.run).toContainText(/MIMC_INVALID from recipient 2, news/);
});

test('what fails too often stops it, and it can go on', async ({ console }) => {
  await console.unlock();
  await console.switchOn('Credentials refused');
  await console.startBroadcast({ recipients: names('fail', 200) });
  await expect(console.run).toContainText('Paused');
  expect(await console.counted('Refused')).toBeGreaterThanOrEqual(100);
  await console.switchOff();
  await console.run.getByRole('button', { name: 'Resume' }).click();

  await expect(console.run).toContainText('Done');
  const { Accepted = 0, Refused = 0 } = await console.counts();
  expect(Accepted + Refused).toBe(200);
  expect(Accepted).toBeGreaterThan(0);
});

test('errors stand beside their fields, of a list and of a file', async ({ console }) => {
  await console.unlock();
  const form = console.page.locator('#broadcast-form');
  await form.getByText('More fields').click();
  await form.getByLabel('Id', { exact: true }).fill('a b');
  await form.getByText('More fields').click();
  await console.startBroadcast({ recipients: [], msg: '' });
  await expect(form.getByLabel('Recipients', { exact: true })).toBeFocused();
  await expect(form.getByLabel('Recipients', { exact: true })).toHaveAccessibleDescription(/recipients must contain/);
  await expect(form.getByLabel('Id', { exact: true })).toHaveAccessibleDescription(/id must be 1 to 64/);

  await form.getByText('More fields').click();
  await form.getByLabel('Id', { exact: true }).fill('');
  await form.getByLabel('Recipients per request').fill('many');
  await form.getByText('More fields').click();
  await console.startBroadcast({ recipients: ['alice'] });
  await expect(form.getByLabel('Recipients per request')).toBeFocused();
  await expect(form.getByLabel('Recipients per request')).toHaveAccessibleDescription(/options\.chunkSize/);

  await form.getByLabel('Recipients per request').fill('');
  await console.startBroadcast({ recipients: ['alice'], msg: '' });
  await expect(form.getByLabel('Message')).toHaveAccessibleDescription(/message\.msg/);
  const file = { name: 'broken.ndjson', mimeType: 'application/x-ndjson', buffer: Buffer.from('"a"\noops\n') };
  await form.getByLabel('Or a file of them').setInputFiles(file);
  await console.startBroadcast({ recipients: ['alice'] });
  await expect(form.getByLabel('Or a file of them')).toHaveAccessibleDescription(/^Line 2 must be a JSON string/);
  await console.startBroadcast({ recipients: [], msg: '消'.repeat(2_000) });
  await expect(form.getByLabel('Message')).toHaveAccessibleDescription(/^Too long to go with a file/);
});
