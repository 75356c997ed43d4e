import { clearTimeout, setTimeout } from 'node:timers';
import { type MimcError, notSent } from '../errors/mimc-error.js';
import { errorName } from '../errors/visible.js';

/** How long a function of the application has to answer, in milliseconds. */
const ANSWER_MS = 10_000;

/**
 * Calls a function of the application. Nothing it returns or throws is shown, and a late answer is ignored.
 *
 * @param failed makes the error for how it failed
 * @param closing ends the wait
 * @throws what `failed` returns; MimcError `MIMC_CLOSED`
 */
export async function foreignAnswer(
  call: () => unknown,
  failed: (how: string) => MimcError,
  closing: AbortSignal,
): Promise<unknown> {
  if (closing.aborted) throw closed();
  let timer: NodeJS.Timeout | undefined;
  let close = (): void => {};
  const ended = new Promise<never>((_resolve, reject) => {
    close = () => reject(closed());
    timer = setTimeout(() => reject(failed(`did not answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  closing.addEventListener('abort', close);
  try {
    return await Promise.race([called(call, failed), ended]);
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', close);
  }
}

async function called(call: () => unknown, failed: (how: string) => MimcError): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    throw failed(`failed (${errorName(error)})`);
  }
}

/** The error of what comes after the shutdown began. */
export function closed(): MimcError {
  return notSent('MIMC_CLOSED', 'The application is shutting down');
}
