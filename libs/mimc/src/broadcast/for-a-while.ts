/** How long the end of a broadcast waits for an audience that does not answer, in milliseconds. */
const PATIENCE_MS = 1_000;

/** Waits for `work` of foreign code, whatever becomes of it, but only about a second. */
export async function forAWhile(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  await Promise.race([work.catch(() => undefined), patience]);
  clearTimeout(timer);
}
