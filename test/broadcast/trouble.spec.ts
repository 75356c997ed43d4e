import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcBroadcastOutcome, MimcError, MimcModuleOptions, MimcRateLimiter } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { Agent } from 'undici';
import { eventually } from '../support/eventually.js';
import { reusablePort } from '../support/ports.js';
import { bootPush, PushApp } from '../support/push-app.js';

const message = { msg: 'hello' };
const accounts = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const throttled = { kind: 'code', code: 429 } as const;

describe('a broadcast in trouble that passes by itself', () => {
  let mimc: MimcEmulator;
  let app: PushApp;

  const boot = async (options: Partial<MimcModuleOptions> = {}) => {
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, quota: false, ...options });
  };
  const limiter = (acquire: MimcRateLimiter['acquire']): MimcRateLimiter => ({
    acquire,
    penalize() {},
    status: () => ({ queued: 0, usedUnits: 0, resumesInMs: 0 }),
    close() {},
  });
  const permit = { settle() {}, cancel() {} };

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  it('rests as a whole while it is throttled, and sends the same chunks again', async () => {
    await boot();
    mimc.failNext(throttled, 4);
    const summary = await app.broadcasts.toAccounts(accounts(80), message, { concurrency: 4 }).drain();
    expect(summary).toMatchObject({ stoppedBy: 'end', accepted: 80, refused: 0 });
    expect(mimc.requests).toHaveLength(8 + 4);
    expect(accounts(80).map((account) => mimc.count(account))).toEqual(accounts(80).map(() => 1));
  });

  it('waits for a MIMC that is away', async () => {
    const port = await reusablePort();
    await mimc.close();
    mimc = await MimcEmulator.start({ port, credentials: mimc.credentials });
    await boot();
    await mimc.close();
    const summary = app.broadcasts.toAccounts(accounts(30), message).drain();
    await eventually(() => expect(app.push.status().consecutiveFailures).toBeGreaterThan(2));
    mimc = await MimcEmulator.start({ port, credentials: mimc.credentials });
    expect(await summary).toMatchObject({ stoppedBy: 'end', accepted: 30 });
  });

  it('waits for a limiter that is away', async () => {
    let away = 3;
    await boot({
      limiter: limiter(async () => {
        if ((away -= 1) >= 0) throw new RangeError('away');
        return permit;
      }),
    });
    const options = { stopAfterConsecutiveFailures: 1, concurrency: 3 };
    const summary = await app.broadcasts.toAccounts(accounts(50), message, options).drain();
    expect(summary).toMatchObject({ stoppedBy: 'end', accepted: 50 });
  });

  it.each(['signal', 'shutdown'])('keeps throttled chunks for a resumed one when it is ended by %s', async (how) => {
    await boot({ retry: { maxAttempts: 3, baseDelayMs: 60_000, maxDelayMs: 60_000 } });
    mimc.failNext(throttled, 100);
    let retries = 0;
    const count = () => (retries += 1);
    subscribe('mimc:retry', count);
    const controller = new AbortController();
    const broadcast = app.broadcasts.toAccounts(accounts(30), message, { signal: controller.signal });
    const summary = broadcast.drain();
    await eventually(() => expect(retries).toBe(3));
    unsubscribe('mimc:retry', count);
    if (how === 'signal') controller.abort();
    else await app.close();
    expect(await summary).toMatchObject({ stoppedBy: 'abort', refused: 0, notSent: 30 });
    expect(broadcast.checkpoint).toEqual({ watermark: 0, ranges: [] });
  });

  it('is not at its end when a person must correct something before anybody is sent to', async () => {
    await boot({
      limiter: limiter(() =>
        Promise.reject(new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message: 'no' })),
      ),
    });
    const broadcast = app.broadcasts.toAccounts(accounts(20), message);
    expect(await broadcast.drain()).toMatchObject({
      stoppedBy: 'failures',
      error: { code: 'MIMC_CONFIG' },
      notSent: 20,
    });
    expect(broadcast.checkpoint).toEqual({ watermark: 0, ranges: [] });
  });

  it('gives up in the end, with nobody settled', async () => {
    await boot();
    mimc.failNext(throttled, 1_000);
    const broadcast = app.broadcasts.toAccounts(accounts(1_000), message, { giveUpAfterMs: 1_500 });
    const outcomes: MimcBroadcastOutcome<string>[] = [];
    for await (const outcome of broadcast) outcomes.push(outcome);
    expect(broadcast.summary).toMatchObject({
      stoppedBy: 'failures',
      error: { code: 'MIMC_RATE_LIMITED' },
      accepted: 0,
      refused: 0,
    });
    expect(outcomes.map((outcome) => !outcome.ok && outcome.error.retryable)).toEqual(outcomes.map(() => true));
    expect(broadcast.checkpoint).toEqual({ watermark: 0, ranges: [] });
    // Of a hundred chunks, two rounds of eight: one before the first pause, one after it.
    expect(mimc.requests.length).toBeLessThanOrEqual(16);
  });

  it('is stopped while it rests', async () => {
    await boot();
    mimc.failNext({ ...throttled, retryAfter: '3600' }, 1_000);
    const controller = new AbortController();
    const broadcast = app.broadcasts.toAccounts(accounts(20), message, { signal: controller.signal });
    const summary = broadcast.drain();
    await eventually(() => expect(mimc.requests).toHaveLength(2));
    await eventually(() => expect(app.push.status().accounts.queued).toBe(0));
    controller.abort();
    expect(await summary).toMatchObject({ stoppedBy: 'abort', notSent: 20 });
    expect(mimc.requests).toHaveLength(2);
  });

  it('leaves a chunk that keeps failing to a resumed broadcast, and says that this is not the end', async () => {
    let isAway = true;
    const withoutFirst = new Agent().compose((dispatch) => (request, handler) => {
      if (isAway && typeof request.body === 'string' && request.body.includes('"user-0"'))
        throw Object.assign(new Error(), { code: 'ECONNREFUSED' });
      return dispatch(request, handler);
    });
    await boot({ dispatcher: withoutFirst, retry: false });
    const options = { concurrency: 2, giveUpAfterMs: 4_000 };
    const broadcast = app.broadcasts.toAccounts(accounts(120), message, options);
    const failed: [number, boolean][] = [];
    for await (const outcome of broadcast) {
      if (outcome.ok) continue;
      failed.push([outcome.offset, outcome.error.retryable]);
      isAway = false;
    }
    expect(failed).toEqual([[0, true]]);
    expect(broadcast.summary).toMatchObject({ stoppedBy: 'failures', accepted: 110, notSent: 10 });
    const resume = broadcast.checkpoint;
    expect(resume).toEqual({ watermark: 0, ranges: [[10, 120]] });
    const rest = await app.broadcasts.toAccounts(accounts(120), message, { resume }).drain();
    expect(rest).toMatchObject({ stoppedBy: 'end', accepted: 10, skipped: 110 });
    expect(mimc.totals.accountsDelivered).toBe(120);
    await withoutFirst.close();
  });
});

describe('outcomes that a loop has not taken', () => {
  let mimc: MimcEmulator;
  let app: PushApp;

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, quota: false });
  });
  afterEach(async () => {
    await app.close();
    await mimc.close();
  });

  it('travel in the checkpoint, and are reported first and once', async () => {
    mimc.failNext([
      { kind: 'delay', ms: 0 },
      { kind: 'code', code: 403 },
      { kind: 'reset', when: 'after-read' },
    ]);
    const topics = [...Array.from({ length: 12 }, (_, index) => BigInt(index + 1)), -1n];
    const first = app.broadcasts.toTopics(topics, message);
    const outcomes: [number, string][] = [];
    const record = ({ offset, ...outcome }: MimcBroadcastOutcome<unknown>) =>
      outcomes.push([offset, outcome.ok ? 'ok' : outcome.error.code]);
    let saved = '';
    for await (const outcome of first) {
      record(outcome);
      await eventually(() => expect(first.progress).toMatchObject({ accepted: 4, refused: 4, unknown: 4, invalid: 1 }));
      saved = JSON.stringify(first.checkpoint);
      break;
    }
    expect(outcomes).toHaveLength(1);
    expect(JSON.stringify(first.checkpoint)).toBe(saved);
    const resume = JSON.parse(saved) as typeof first.checkpoint;
    expect(resume).toMatchObject({ watermark: 13, ranges: [] });
    for await (const outcome of app.broadcasts.toTopics(topics, message, { resume })) record(outcome);
    expect(new Map(outcomes)).toEqual(
      new Map([
        [0, 'ok'],
        [4, 'MIMC_API'],
        [8, 'MIMC_RESET'],
        [12, 'MIMC_INVALID'],
      ]),
    );
    expect(outcomes).toHaveLength(4);
    expect(mimc.requests).toHaveLength(3);
  });

  it('are not left over when it is drained, or were all taken', async () => {
    const drained = app.broadcasts.toAccounts(accounts(20), message);
    await drained.drain();
    expect(drained.checkpoint).toEqual({ watermark: 20, ranges: [] });
    const iterated = app.broadcasts.toAccounts(accounts(20), message);
    for await (const { ok } of iterated) expect(ok).toBe(true);
    expect(iterated.checkpoint).toEqual({ watermark: 20, ranges: [] });
    expect(iterated.summary).toMatchObject({ stoppedBy: 'end', accepted: 20 });
  });
});
