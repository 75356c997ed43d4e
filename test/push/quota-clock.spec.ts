import { beforeAll, describe, expect, it } from '@jest/globals';
import { idealUnits, printFigures, QuotaFigures, runQuota } from '../stress/chaos/quota-run.js';

/** `npm run test:quota` runs the full minute. */
const seconds = Number(process.env['QUOTA_SECONDS'] ?? 12);

describe('the quota on the real clock', () => {
  let figures: QuotaFigures;

  beforeAll(
    async () => {
      figures = await runQuota(seconds);
      process.stdout.write(`${printFigures(figures)}\n`);
    },
    (seconds + 120) * 1_000,
  );

  it(`is never exceeded in ${seconds} s, and both lanes get their due`, () => {
    expect(figures.worstWindow.accounts).toBeLessThanOrEqual(50);
    expect(figures.worstWindow.topics).toBeLessThanOrEqual(20);
    expect(figures.throttled).toBe(0);
    expect(figures.bulkShare).toBeGreaterThanOrEqual(0.1);
    expect(figures.bulkShareInFlood).toBeGreaterThanOrEqual(0.1);
  });

  it('is used, and single pushes overtake the bulk that waits', () => {
    // Alone on two cores: all of it. A busy machine notices answers late, and units are free a second after that.
    expect(figures.arrived / figures.ideal).toBeGreaterThanOrEqual(0.7);
    expect(figures.interactiveP99Ms).toBeLessThan(figures.bulkMedianMs);
  });
});

describe('the perfect window it is held against', () => {
  const call = (atMs: number, units: number) => ({ atMs, units, lane: 'bulk' }) as const;

  it('admits up to the limit in each second', () => {
    expect(
      idealUnits(
        Array.from({ length: 10 }, () => call(0, 10)),
        50,
        1_000,
      ),
    ).toBe(50);
    expect(
      idealUnits(
        Array.from({ length: 10 }, () => call(0, 10)),
        50,
        1_001,
      ),
    ).toBe(100);
  });

  it('leaves room empty before a call that does not fit yet', () => {
    expect(idealUnits([call(0, 30), call(0, 30), call(0, 20)], 50, 1_000)).toBe(30);
  });
});
