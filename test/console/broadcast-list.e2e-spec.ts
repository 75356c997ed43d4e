import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type BroadcastApp, startBroadcasts, storedAudiences, until } from '../support/broadcast-app.js';
import { type UsableRedis, useRedis } from '../support/redis.js';

const PEOPLE = Array.from({ length: 40 }, (_, index) => `user-${index}`);

describe.each([{ where: 'in process' }, { where: 'on Redis' }])('sample API broadcasts $where', ({ where }) => {
  let redis: UsableRedis | undefined;
  let sample: BroadcastApp;

  beforeAll(async () => {
    if (where === 'on Redis') redis = await useRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(async () => {
    sample = await startBroadcasts(
      {},
      { MIMC_ACCOUNTS_PER_SECOND: '25', ...(redis !== undefined && { REDIS_URL: redis.url }) },
    );
  });
  afterEach(async () => {
    const { appId } = sample.emulator.credentials;
    await sample.close();
    if (redis === undefined) return;
    const client = new Redis(redis.url);
    const keys = await client.keys(`*${appId}*`);
    if (keys.length > 0) await client.del(keys);
    await client.quit();
  });

  const startAt = (inMs: number) => new Date(Date.now() + inMs).toISOString();

  it('are listed, the latest first, with their shares and without failures', async () => {
    expect(await sample.list()).toEqual({ broadcasts: [], omitted: 0 });
    await sample.start({ id: 'first' }).expect(202);
    const done = await sample.reaches('first', 'done');
    await sample.start({ id: 'second', startAt: startAt(3_600_000) }).expect(202);

    const { failures: _failures, failuresOmitted: _omitted, ...first } = done;
    const { broadcasts } = await sample.list();
    expect(broadcasts).toEqual([expect.objectContaining({ id: 'second', state: 'scheduled' }), first]);
    expect(broadcasts[1]).toMatchObject({ total: 2, progress: { accepted: 2 }, finishedAt: expect.any(String) });
  });

  it('begin at their time and not before, over a pause too', async () => {
    const { body } = await sample.start({ id: 'later', startAt: startAt(3_600_000) }).expect(202);
    expect(body).toMatchObject({ state: 'scheduled', startAt: expect.any(String) });
    expect((await sample.act('later', 'pause').expect(200)).body.state).toBe('paused');
    expect((await sample.act('later', 'resume').expect(200)).body.state).toBe('scheduled');
    expect((await sample.cancel('later').expect(200)).body.state).toBe('cancelled');

    const at = startAt(600);
    await sample.start({ id: 'soon', startAt: at }).expect(202);
    await sample.reaches('soon', 'done');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(at));
    await sample.upload({ kind: 'accounts', msg: 'hello', id: 'past', startAt: '2020-02-29T09:00:00+08:00' }, 'a\n');
    await sample.reaches('past', 'done');
    expect(sample.emulator.totals.accountsDelivered).toBe(3);
  });

  it('name those who were refused, with the time, and send to them again', async () => {
    sample.emulator.failNext({ kind: 'code', code: 403 }, 2);
    await sample.start({ id: 'again', recipients: [...PEOPLE, ''] }).expect(202);
    const done = await sample.reaches('again', 'done');
    expect(done.progress).toMatchObject({ accepted: 30, refused: 10, invalid: 1, notSent: 0 });

    const failures = await sample.failures('again');
    const refused = failures.filter(({ outcome }) => outcome === 'refused');
    expect(refused).toHaveLength(2);
    for (const failure of refused) expect(failure).toMatchObject({ code: 'MIMC_API', apiCode: 403 });
    for (const { at } of failures) expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
    expect(refused.flatMap(({ recipients }) => recipients)).toHaveLength(10);
    expect(failures.filter(({ outcome }) => outcome === 'invalid')).toHaveLength(1);

    const { body } = await sample.act('again', 'resend').expect(200);
    expect(body).not.toHaveProperty('finishedAt');
    await until(() => sample.emulator.totals.accountsDelivered === 40);
    const ended = await sample.reaches('again', 'done');
    expect(ended.progress).toMatchObject({ accepted: 40, refused: 0, invalid: 1 });
    expect((await sample.failures('again')).map(({ outcome }) => outcome)).toEqual(['invalid']);
    for (const account of PEOPLE) expect(sample.emulator.count(account)).toBe(1);
    expect((await sample.act('again', 'resend').expect(409)).body.message).toBe(
      'No recipient was refused or not sent to',
    );
  });

  it('name those whom a cancellation left, and send to them when asked to', async () => {
    await sample.start({ id: 'cut', recipients: PEOPLE }).expect(202);
    expect((await sample.act('cut', 'resend').expect(409)).body.message).toBe('The broadcast has not ended yet');
    await sample.act('cut', 'pause').expect(200);
    await sample.cancel('cut').expect(200);
    await until(async () => (await sample.state('cut')).finishedAt !== undefined);
    const { progress } = await sample.state('cut');
    expect(progress.accepted + progress.notSent).toBe(40);
    expect(progress.notSent).toBeGreaterThan(0);

    const left = (await sample.failures('cut')).flatMap(({ outcome, recipients }) => {
      expect(outcome).toBe('cancelled');
      return recipients;
    });
    expect(left).toHaveLength(progress.notSent);
    for (const account of left) expect(sample.emulator.count(account)).toBe(0);

    await sample.act('cut', 'resend').expect(200);
    await sample.reaches('cut', 'done');
    for (const account of PEOPLE) expect(sample.emulator.count(account)).toBe(1);
  });

  it.each(['tomorrow', '2026-01-01T09:00:00', '2026-02-30T09:00:00Z', 7])('do not begin at %s', async (at) => {
    const { body } = await sample.start({ startAt: at }).expect(400);
    expect(body.violations[0]).toMatchObject({ field: 'startAt', rule: 'isDate' });
    expect(body.message).toContain('a time with an offset from UTC');
  });

  it('that nobody knows have no failures, and are not sent again', async () => {
    const resent = await sample.act('none', 'resend');
    const failures = await sample.get('/broadcasts/none/failures').auth('demo-key', { type: 'bearer' });
    expect([resent.status, failures.status]).toEqual([404, 404]);
  });
});

describe('sample API broadcasts that can be sent again', () => {
  it('keep their files until they cannot, or are forgotten', async () => {
    const sample = await startBroadcasts({ maxKept: 1 });
    try {
      sample.emulator.failNext({ kind: 'code', code: 403 });
      await sample.start({ id: 'refused' }).expect(202);
      await sample.reaches('refused', 'done');
      // Read, so that what was to be written is.
      expect(await sample.failures('refused')).toHaveLength(1);
      expect(storedAudiences()).toHaveLength(3);
      for (const id of ['second', 'third']) {
        await sample.start({ id }).expect(202);
        await sample.reaches(id, 'done');
      }
      await sample.start({ id: 'fourth' }).expect(202);
      await sample.get('/broadcasts/refused').auth('demo-key', { type: 'bearer' }).expect(404);
      await until(() => storedAudiences().length === 1);
    } finally {
      await sample.close();
    }
  });
});
