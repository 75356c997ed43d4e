import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats an assertion until it holds, or throws its last failure after `withinMs`. */
export async function eventually(assertion: () => void, withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      return assertion();
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await sleep(10);
  }
}
