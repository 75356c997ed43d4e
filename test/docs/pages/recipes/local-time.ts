import { describe, expect, it } from '@jest/globals';
import type { MimcAudience } from 'nestjs-mimc';
import { MimcBroadcastQueue, type MimcQueuedBroadcast } from 'nestjs-mimc/bullmq';
import { lastOf, queueBench } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/local-time.md');

interface LocalTime {
  momentOf: (local: string, timeZone: string) => Date;
  sendAtLocalTime: (
    queue: MimcBroadcastQueue,
    campaign: string,
    local: string,
    audiences: ReadonlyMap<string, MimcAudience<string>>,
  ) => Promise<MimcQueuedBroadcast[]>;
}

describe('docs/recipes/local-time.md', () => {
  const localTime = page.ts<LocalTime>('function momentOf');

  it('finds the moment of a local time, in winter, in summer, and around the change between them', async () => {
    const { momentOf } = await localTime();
    const moments = [
      ['2026-06-01T09:00', 'Asia/Shanghai', '2026-06-01T01:00:00.000Z'],
      ['2026-01-15T09:00', 'Europe/Berlin', '2026-01-15T08:00:00.000Z'],
      ['2026-03-29T09:00', 'Europe/Berlin', '2026-03-29T07:00:00.000Z'],
      ['2026-03-28T23:30', 'America/New_York', '2026-03-29T03:30:00.000Z'],
      ['2026-11-01T09:00', 'America/New_York', '2026-11-01T14:00:00.000Z'],
      ['2026-06-01T09:00', 'Asia/Kolkata', '2026-06-01T03:30:00.000Z'],
    ] as const;
    for (const [local, timeZone, utc] of moments) expect(momentOf(local, timeZone).toISOString()).toBe(utc);
  });

  it('sends at a local time in each zone', async () => {
    const { sendAtLocalTime } = await localTime();
    const { mimc, app, close } = await queueBench();
    const broadcasts = app.get(MimcBroadcastQueue);
    const clock = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Asia/Shanghai',
      dateStyle: 'short',
      timeStyle: 'short',
    });
    const now = clock.format(new Date()).replace(' ', 'T');
    const audiences = new Map([
      ['Asia/Shanghai', ['alice']],
      ['America/New_York', ['bob']],
    ]);
    const [shanghai, newYork] = await sendAtLocalTime(broadcasts, 'morning', now, audiences);
    expect(newYork).toMatchObject({ id: 'morning.America-New_York', state: 'scheduled' });
    await expect(lastOf(broadcasts.watch(shanghai?.id ?? '', { intervalMs: 20 }))).resolves.toMatchObject({
      state: 'done',
      counts: { accepted: 1 },
    });
    await sendAtLocalTime(broadcasts, 'morning', now, audiences);
    expect([mimc.count('alice'), mimc.count('bob')]).toEqual([1, 0]);
    await close();
  });
});
