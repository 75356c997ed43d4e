import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats an assertion until it holds, or throws its last failure after `withinMs`. The default is far more than anything
 * takes on a busy machine: a test that wants to know how long something takes must say so.
 */
export async function eventually(assertion: () => unknown, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await sleep(10);
  }
}
