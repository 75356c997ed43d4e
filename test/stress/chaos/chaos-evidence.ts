import type { EmulatedRequest, MimcEmulator } from 'nestjs-mimc/testing';
import type { AttemptEnd, AttemptLog } from './attempt-log.js';
import type { ChaosResult } from './chaos-result.js';

/** What the server saw of a call, and the events reported. */
export interface Evidence {
  /** How often the ledger holds its message: once for each recipient, or the largest number where they differ. */
  readonly delivered: number;
  /** Whether its recipients differ in that. */
  readonly uneven: boolean;
  /** Requests of it that were read to the end, whatever they were answered. */
  readonly arrived: number;
  /** How its attempts ended, by the events. */
  readonly attempts: readonly AttemptEnd[];
}

/** Reads the emulator's requests once; the result describes each call. */
export function readEvidence(emulator: MimcEmulator, log: AttemptLog): (result: ChaosResult) => Evidence {
  const arrivals = new Map<string, number>();
  for (const { body } of emulator.requests) {
    const recipient = firstRecipient(body);
    if (recipient !== undefined) arrivals.set(recipient, (arrivals.get(recipient) ?? 0) + 1);
  }
  return ({ callId, call: { audience, recipients, msg } }) => {
    const inbox = (to: string) => (audience === 'accounts' ? emulator.inbox(to) : emulator.topicInbox(to));
    const counts = recipients.map((to) => inbox(to).filter((message) => message.msg === msg).length);
    return {
      delivered: Math.max(...counts),
      uneven: new Set(counts).size > 1,
      arrived: arrivals.get(recipients[0] ?? '') ?? 0,
      attempts: log.endsOf(callId),
    };
  };
}

function firstRecipient(body: EmulatedRequest['body']): string | undefined {
  const { toAccount, toAccounts, topicId, topicIds } = (body ?? {}) as Record<string, unknown>;
  const first: unknown = [toAccount, toAccounts, topicId, topicIds].flat().find((recipient) => recipient !== undefined);
  // Topics of 19 digits are read as a bigint.
  return typeof first === 'bigint' ? first.toString() : (first as string | undefined);
}
