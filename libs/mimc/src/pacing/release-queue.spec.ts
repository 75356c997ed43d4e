import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReleaseQueue } from './release-queue.js';

it('gives back what came, in order, each when it is free, however it wraps and grows', () => {
  const step = fc.record({ pushes: fc.nat(150), passes: fc.nat(200) });
  const property = fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const queue = new ReleaseQueue();
    const model: { freeAt: number; units: number }[] = [];
    let now = 0;
    for (const { pushes, passes } of steps) {
      for (let count = 0; count < pushes; count += 1) {
        const units = (count % 7) + 1;
        queue.push((now += 1), units);
        model.push({ freeAt: now, units });
      }
      const until = (model[0]?.freeAt ?? now) + passes;
      const free = model.filter(({ freeAt }) => freeAt <= until);
      expect(queue.takeUntil(until)).toBe(free.reduce((sum, { units }) => sum + units, 0));
      model.splice(0, free.length);
      expect(queue.nextAt).toBe(model[0]?.freeAt ?? Infinity);
    }
    expect(queue.takeUntil(Infinity)).toBe(model.reduce((sum, { units }) => sum + units, 0));
  });
  fc.assert(property, { numRuns: 300 });
});
