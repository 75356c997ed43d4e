import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, PushApp } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };

/** What HTTP needs; without them nothing of Node.js's own clients and servers comes to an end. */
const doNotFake = ['nextTick', 'queueMicrotask', 'setImmediate'] as const;

describe('under a fake clock', () => {
  let mimc: MimcEmulator;
  let app: PushApp;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await app.close();
    await mimc.close();
  });
  const boot = async (options = {}) => {
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });
  };

  it('the application closes, with an idle connection and a call in flight', async () => {
    await boot({ shutdownMs: 100 });
    await app.push.toAccount(dto);
    mimc.failNext({ kind: 'hang' });
    const call = errorOf(app.push.toAccount(dto));
    await eventually(() => expect(mimc.requests).toHaveLength(2));
    jest.useFakeTimers();
    await app.close();
    expect(await call).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'unknown' });
  });

  it('a quota that was full an hour ahead is free again once the real clock is back', async () => {
    jest.useFakeTimers({ doNotFake: [...doNotFake] });
    await boot({ quota: { accountsPerSecond: 2 } });
    jest.advanceTimersByTime(3_600_000 * 24);
    await app.push.toAccounts({ toAccounts: ['alice', 'bob'], msg: 'm' });
    jest.useRealTimers();
    await expect(app.push.toAccount(dto, { deadlineMs: 5_000 })).resolves.toHaveProperty('packetId');
  });

  it('a penalty that began an hour ahead lasts no longer once the real clock is back', async () => {
    jest.useFakeTimers({ doNotFake: [...doNotFake] });
    await boot();
    jest.advanceTimersByTime(3_600_000 * 24);
    mimc.failNext({ kind: 'code', code: 429 });
    await errorOf(app.push.toAccount(dto));
    jest.useRealTimers();
    expect(app.push.status().accounts.resumesInMs).toBeLessThan(1_001);
    await expect(app.push.toAccount(dto, { deadlineMs: 5_000 })).resolves.toHaveProperty('packetId');
  });

  it('calls that waited are admitted after those before them once the real clock is back', async () => {
    jest.useFakeTimers({ doNotFake: [...doNotFake] });
    await boot({ quota: { accountsPerSecond: 1 } });
    jest.advanceTimersByTime(3_600_000 * 24);
    await app.push.toAccount(dto);
    const waiting = app.push.toAccount(dto, { deadlineMs: 60_000 });
    await eventually(() => expect(app.push.status().accounts.queued).toBe(1));
    jest.useRealTimers();
    const next = app.push.toAccount(dto, { deadlineMs: 10_000 });
    await expect(Promise.all([waiting, next])).resolves.toHaveLength(2);
  });
});

it('a module that Nest does not close is closed by its owner', async () => {
  const mimc = await MimcEmulator.start();
  const app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url });
  await app.push.toAccount(dto);
  await Promise.all([app.push.close(), app.push.close()]);
  expect(await errorOf(app.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
  await eventually(() => expect(mimc.connections).toBe(0));
  await app.close();
  await mimc.close();
});
