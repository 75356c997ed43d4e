import { MimcError, type CallReceipt, type MimcErrorCode, type MimcOutcome } from 'nestjs-mimc';
import type { ChaosCall } from './chaos-calls.js';

/** How a call ended, as its caller sees it. */
export type ChaosOutcome = 'success' | 'mayBeDuplicate' | MimcOutcome;

/** In the order of the table. */
export const OUTCOMES: readonly ChaosOutcome[] = ['success', 'mayBeDuplicate', 'not-sent', 'refused', 'unknown'];

/** A call that is over. */
export interface ChaosResult {
  readonly call: ChaosCall;
  readonly callId: string;
  readonly outcome: ChaosOutcome;
  readonly code: 'ok' | MimcErrorCode;
  readonly attempts: number;
  readonly error?: MimcError;
}

/** What became of a call within `withinMs`. A call that does not settle, or rejects otherwise than promised, throws. */
export async function resultOf(call: ChaosCall, sent: Promise<CallReceipt>, withinMs: number): Promise<ChaosResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`A call did not settle within ${withinMs} ms`)), withinMs);
  });
  try {
    const { callId, attempts, mayBeDuplicate } = await Promise.race([sent, late]);
    return { call, callId, outcome: mayBeDuplicate ? 'mayBeDuplicate' : 'success', code: 'ok', attempts };
  } catch (error) {
    if (!MimcError.is(error)) throw error;
    const { callId = '', outcome, code, attempts } = error;
    return { call, callId, outcome, code, attempts, error };
  } finally {
    clearTimeout(timer);
  }
}
