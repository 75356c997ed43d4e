import { clearTimeout, setTimeout } from 'node:timers';

/**
 * Waits for `work`, but not longer than `ms` of real time: `node:timers` are not those that tests fake. An error of `work`
 * in that time is thrown.
 */
export async function within(ms: number, work: void | Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
