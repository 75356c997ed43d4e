import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { requestLine } from './cli-log.js';
import { MimcEmulator } from './mimc-emulator.js';

let mimc: MimcEmulator;
let lines: string[];
const printed = new EventEmitter();

beforeEach(async () => {
  mimc = await MimcEmulator.start({ quota: { accountsPerSecond: 3 }, ledger: 'counts' });
  lines = [];
  mimc.onRequest((request) => {
    lines.push(requestLine(request, new Date(2026, 0, 1, 9, 5, 7)));
    printed.emit('line');
  });
});
afterEach(() => mimc.close());

async function post(path: string, fields: object, signal?: AbortSignal): Promise<void> {
  const body = JSON.stringify({ ...mimc.credentials, fromAccount: 'shop', msg: 'hello', ...fields });
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: signal ?? null };
  const line = once(printed, 'line');
  await fetch(mimc.url + path, request).then(
    (response) => response.text(),
    () => undefined,
  );
  await line;
}

it('has a line for each request: when, what, how many recipients, and what came of it', async () => {
  await post('/api/push/p2p', { toAccount: 'alice' });
  await post('/api/push/p2p/more', { toAccounts: ['bob', 'carol'] });
  await post('/api/push/p2p', { toAccount: 'dave' });
  await post('/api/push/p2t/more', { topicIds: ['7', '8'], appSecret: 'another' });
  await post('/api/account/token', { appAccount: 'alice' });
  await post('/api/nowhere', {});
  expect(lines).toEqual([
    '09:05:07  p2p  1 recipient  accepted',
    '09:05:07  p2p/more  2 recipients  accepted',
    '09:05:07  p2p  1 recipient  throttled (code 429)',
    '09:05:07  p2t/more  2 recipients  refused (code 401)',
    '09:05:07  account/token  done',
    '09:05:07  POST unknown path  refused (code 404)',
  ]);
});

it('says so when the client left before it was answered', async () => {
  const client = new AbortController();
  const leave = () => {
    client.abort();
    return true;
  };
  mimc.faultWhen(leave, { kind: 'hang' });
  await post('/api/push/p2p', { toAccount: 'alice' }, client.signal);
  expect(lines).toEqual(['09:05:07  p2p  1 recipient  not answered']);
});
