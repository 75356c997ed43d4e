import type { Page, Request } from '@playwright/test';
import { reusablePort } from '../support/ports.js';
import { ConsolePage, KEY } from './support/console-page.js';
import { expect, test } from './support/console-test.js';

test('without a key nothing is requested, and with a wrong one nothing is shown', async ({ console }) => {
  const key = console.page.getByLabel('API key', { exact: true });
  const asked: string[] = [];
  console.page.on('request', (request) => request.resourceType() === 'fetch' && asked.push(request.url()));
  await console.page.getByRole('button', { name: 'Unlock' }).click();
  await expect(key).toBeFocused();
  await expect(key).toHaveAccessibleDescription(/^Enter the API key/);
  expect(asked).toEqual([]);

  await console.unlock('wrong');
  await expect(key).toHaveAccessibleDescription(/^Wrong API key/);
  await console.unlock('schlüssel 钥匙');
  await expect(key).toHaveAccessibleDescription(/^The key contains characters/);
  await expect(console.page.getByRole('button', { name: 'Send push' })).toBeHidden();
});

test('unlocked by a double click, it is one session, which the lock ends', async ({ console }) => {
  const streams: string[] = [];
  const ended: string[] = [];
  console.page.on('request', (request) => isStream(request) && streams.push(request.url()));
  console.page.on('requestfailed', (request) => isStream(request) && ended.push(request.url()));
  await console.page.getByLabel('API key', { exact: true }).fill(KEY);
  await console.page.getByRole('button', { name: 'Unlock' }).dblclick();
  await expect(console.page.getByText('Live')).toBeVisible();
  await console.push('p2p', 'Account', 'twice', 'unlocked twice');
  await expect(console.messages.filter({ hasText: 'unlocked twice' })).toHaveCount(1);
  expect(streams).toHaveLength(1);
  await console.page.getByRole('button', { name: 'Lock', exact: true }).click();
  await expect.poll(() => ended).toHaveLength(1);
});

test('the lock takes drafts and a chosen file away', async ({ console }) => {
  await console.unlock();
  await console.choosePush('p2t');
  await console.field('Message').fill('a draft');
  const file = console.page.getByLabel('Or upload a file');
  await file.setInputFiles({ name: 'audience.txt', mimeType: 'text/plain', buffer: Buffer.from('alice\n') });
  await console.page.getByLabel('Recipient', { exact: true }).fill('nobody');
  await console.page.getByRole('button', { name: 'Lock', exact: true }).click();
  await console.unlock();

  await expect(console.field('Message')).toHaveValue('hello');
  await expect(console.field('Account')).toBeVisible();
  await expect(file).toHaveValue('');
  await expect(console.page.getByLabel('Recipient', { exact: true })).toHaveValue('');
});

test('one page too many says why it is not connected', async ({ watched, start }) => {
  const { url } = await start({ SAMPLE_API_KEY: KEY });
  const others = new AbortController();
  const headers = { authorization: `Bearer ${KEY}` };
  const streams = Array.from({ length: 8 }, () => fetch(`${url}/console/events`, { headers, signal: others.signal }));
  await Promise.all(streams);
  await watched.goto(url);
  await new ConsolePage(watched).unlock();
  await expect(watched.getByText('Reconnecting: Too many event streams (limit 8)')).toBeVisible();
  others.abort();
  await expect(watched.getByText('Live')).toBeVisible();
});

test('the key is in no storage and no address, and is gone with the lock', async ({ console }) => {
  const urls: string[] = [];
  console.page.on('request', (request) => urls.push(request.url()));
  await console.unlock();
  await console.push('p2p', 'Account', 'alice', 'hello');
  await console.startBroadcast({ recipients: ['alice'] });
  await expect(console.run).toContainText('Done');

  expect(urls.filter((url) => url.includes(KEY))).toEqual([]);
  expect(await stored(console.page)).toEqual({ local: '{}', session: '{}', cookie: '', databases: 0, hasKey: false });
  expect(console.page.url()).not.toContain(KEY);

  await console.page.getByRole('button', { name: 'Lock' }).click();
  await expect(console.page.getByLabel('API key', { exact: true })).toBeFocused();
  await expect(console.page.getByLabel('API key', { exact: true })).toHaveValue('');
  await expect(console.page.getByText('hello', { exact: true })).toBeHidden();

  await console.unlock();
  await expect(console.page.getByText('Nothing sent yet')).toBeVisible();
  await console.page.reload();
  await expect(console.page.getByRole('button', { name: 'Unlock' })).toBeVisible();
});

test('a server that comes back is followed again, with its new inboxes', async ({ watched, start }) => {
  const port = String(await reusablePort());
  const first = await start({ SAMPLE_API_KEY: KEY, PORT: port });
  await watched.goto(first.url);
  const console = new ConsolePage(watched);
  await console.unlock();
  await console.push('p2p', 'Account', 'alice', 'of the first');
  await expect(console.messages).toHaveText([/of the first/]);
  const banner = watched.getByText('Connection to the server lost');
  await expect(banner).toBeHidden();
  await first.stop();
  await expect(watched.getByText('Reconnecting', { exact: true })).toBeVisible();
  await expect(banner).toBeInViewport();

  await start({ PORT: port, SAMPLE_API_KEY: KEY });
  await expect(watched.getByText('Live')).toBeVisible();
  await expect(banner).toBeHidden();
  await expect(watched.getByText('No messages yet')).toBeVisible();
  await console.push('p2p', 'Account', 'alice', 'of the second');
  await expect(console.messages).toHaveText([/of the second/]);
});

test('a server that comes back with another key locks the page', async ({ watched, start }) => {
  const port = String(await reusablePort());
  const first = await start({ SAMPLE_API_KEY: 'one', PORT: port });
  await watched.goto(first.url);
  const console = new ConsolePage(watched);
  await console.unlock('one');
  await console.push('p2p', 'Account', 'alice', 'hello');
  await expect(console.messages).toHaveCount(1);
  await first.stop();
  await expect(watched.getByText('Reconnecting', { exact: true })).toBeVisible();

  await start({ PORT: port, SAMPLE_API_KEY: 'another' });
  await expect(watched.getByText('The server no longer accepts this API key.')).toBeVisible();
  await console.unlock('another');
  await expect(watched.getByText('Live')).toBeVisible();
  await expect(watched.getByText('No messages yet')).toBeVisible();
});

test('in production there is no console unless it is switched on', async ({ watched, start }) => {
  const production = {
    NODE_ENV: 'production',
    MIMC_APP_ID: '2882303761517669588',
    MIMC_APP_KEY: 'key',
    MIMC_APP_SECRET: 'secret',
    SAMPLE_API_KEY: 'mine',
  };
  const off = await start(production);
  const answer = await watched.goto(off.url);
  expect(answer?.headers()['content-type']).toContain('application/json');
  expect((await watched.request.get(`${off.url}/console/main.js`)).status()).toBe(404);

  const on = await start({ ...production, SAMPLE_CONSOLE: 'true' });
  await watched.goto(on.url);
  await new ConsolePage(watched).unlock('mine');
  await expect(watched.getByText('Sends to MIMC')).toBeVisible();
  await expect(watched.getByRole('heading', { name: 'Inbox' })).toBeHidden();
  await expect(watched.getByRole('heading', { name: 'Emulator' })).toBeHidden();
});

function isStream(request: Request): boolean {
  return request.url().endsWith('/console/events');
}

/** What a page could leave behind. */
async function stored(page: Page): Promise<unknown> {
  return page.evaluate(`(async () => ({
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    cookie: document.cookie,
    databases: (await indexedDB.databases()).length,
    hasKey: document.documentElement.outerHTML.includes('${KEY}') ||
      [...document.querySelectorAll('input')].some(({ value }) => value.includes('${KEY}')),
  }))()`);
}
